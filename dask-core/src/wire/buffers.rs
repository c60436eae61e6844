//! Bytes out of band: shared, never copied on the way.

use std::sync::Arc;

use bytemuck::Pod;

use super::Block;

/// Shared bytes that travel beside a message rather than in it.
#[derive(Clone)]
pub struct Buffer {
    owner: Owner,
    align: usize,
}

#[derive(Clone)]
enum Owner {
    Any(Arc<dyn AsRef<[u8]> + Send + Sync>),
    Block(Arc<Block>),
}

impl Buffer {
    /// What a buffer is aligned to where nothing else is said: a cache line, and what Arrow recommends.
    pub const ALIGNMENT: usize = 64;

    /// Shares whatever owns the bytes (a `Vec<u8>`, an Arrow buffer, a mapped file).
    pub fn new<B: AsRef<[u8]> + Send + Sync + 'static>(owner: B) -> Self {
        Self { owner: Owner::Any(Arc::new(owner)), align: Self::ALIGNMENT }
    }

    /// Shares bytes which the reader will want as a vector of `T`: where they arrive, memory is taken that can become one.
    pub fn of_numbers<T: Pod, B: AsRef<[u8]> + Send + Sync + 'static>(owner: B) -> Self {
        Self { align: align_of::<T>(), ..Self::new(owner) }
    }

    /// The alignment that the reader wants.
    pub fn align(&self) -> usize {
        self.align
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        match &self.owner {
            Owner::Any(owner) => (**owner).as_ref(),
            Owner::Block(block) => (**block).as_ref(),
        }
    }

    /// The same memory as a vector of numbers, if it is a [`Block`] of their alignment that nobody else holds.
    ///
    /// # Errors
    /// The buffer as it was.
    ///
    /// ```
    /// use dask_core::wire::{Block, Buffer};
    /// let numbers = Buffer::from(Block::zeroed(24, 8).unwrap()).into_vec::<f64>();
    /// assert_eq!(numbers.unwrap(), [0.0; 3]);
    /// let shared = Buffer::from(Block::zeroed(24, 8).unwrap());
    /// let other = shared.clone();
    /// assert!(shared.into_vec::<f64>().is_err());
    /// # drop(other);
    /// ```
    pub fn into_vec<T: Pod>(self) -> Result<Vec<T>, Self> {
        let align = self.align;
        let block = match self.owner {
            Owner::Block(block) => Arc::try_unwrap(block).map_err(Owner::Block),
            any @ Owner::Any(_) => Err(any),
        };
        match block {
            Ok(block) => block.into_vec().map_err(|block| Self { owner: Owner::Block(Arc::new(block)), align }),
            Err(owner) => Err(Self { owner, align }),
        }
    }
}

impl From<Block> for Buffer {
    fn from(block: Block) -> Self {
        let align = block.align();
        Self { owner: Owner::Block(Arc::new(block)), align }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} bytes)", self.as_slice().len())
    }
}
