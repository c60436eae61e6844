//! Memory that is filled as bytes and becomes a vector of numbers, without a copy.

use bytemuck::Pod;

use super::on_huge_pages;

/// Bytes of one allocation, aligned for numbers of one size: a vector of such numbers while nobody looks.
///
/// What arrives from a socket or a file is read into a block; if the type that is decoded has the block's alignment,
/// the block's memory becomes the decoded vector ([`Buffer::into_vec`](super::Buffer::into_vec)).
///
/// ```
/// use dask_core::wire::Block;
/// let mut block = Block::zeroed(16, 8).unwrap();
/// block.as_mut_slice()[..8].copy_from_slice(&1.5f64.to_le_bytes());
/// assert_eq!(block.into_vec::<f64>().unwrap(), [1.5, 0.0]);
/// ```
#[derive(Debug)]
pub struct Block(Numbers);

#[derive(Debug)]
enum Numbers {
    One(Vec<u8>),
    Two(Vec<u16>),
    Four(Vec<u32>),
    Eight(Vec<u64>),
    Sixteen(Vec<u128>),
}

/// Zeros; a large vector of them is not touched before it is written to.
fn zeros<T: Pod>(nbytes: usize) -> Vec<T> {
    let mut items = vec![T::zeroed(); nbytes / size_of::<T>()];
    on_huge_pages(&mut items);
    items
}

impl Block {
    /// `nbytes` zeros aligned to `align`; none if there is no number of that alignment, or `nbytes` is no multiple.
    pub fn zeroed(nbytes: usize, align: usize) -> Option<Self> {
        if align == 0 || !nbytes.is_multiple_of(align) {
            return None;
        }
        Some(Self(match align {
            1 => Numbers::One(zeros(nbytes)),
            2 => Numbers::Two(zeros(nbytes)),
            4 => Numbers::Four(zeros(nbytes)),
            8 => Numbers::Eight(zeros(nbytes)),
            16 => Numbers::Sixteen(zeros(nbytes)),
            _ => return None,
        }))
    }

    /// To what it is aligned: the size of its numbers.
    pub fn align(&self) -> usize {
        match &self.0 {
            Numbers::One(_) => 1,
            Numbers::Two(_) => 2,
            Numbers::Four(_) => 4,
            Numbers::Eight(_) => 8,
            Numbers::Sixteen(_) => 16,
        }
    }

    /// The bytes, to be filled.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Numbers::One(items) => items,
            Numbers::Two(items) => bytemuck::cast_slice_mut(items),
            Numbers::Four(items) => bytemuck::cast_slice_mut(items),
            Numbers::Eight(items) => bytemuck::cast_slice_mut(items),
            Numbers::Sixteen(items) => bytemuck::cast_slice_mut(items),
        }
    }

    /// The same memory as numbers.
    ///
    /// # Errors
    /// The block as it was, if `T` has another alignment or does not divide it.
    pub fn into_vec<T: Pod>(self) -> Result<Vec<T>, Self> {
        fn cast<A: Pod, T: Pod>(items: Vec<A>, back: fn(Vec<A>) -> Numbers) -> Result<Vec<T>, Block> {
            bytemuck::allocation::try_cast_vec(items).map_err(|(_, items)| Block(back(items)))
        }
        match self.0 {
            Numbers::One(items) => cast(items, Numbers::One),
            Numbers::Two(items) => cast(items, Numbers::Two),
            Numbers::Four(items) => cast(items, Numbers::Four),
            Numbers::Eight(items) => cast(items, Numbers::Eight),
            Numbers::Sixteen(items) => cast(items, Numbers::Sixteen),
        }
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        match &self.0 {
            Numbers::One(items) => items,
            Numbers::Two(items) => bytemuck::cast_slice(items),
            Numbers::Four(items) => bytemuck::cast_slice(items),
            Numbers::Eight(items) => bytemuck::cast_slice(items),
            Numbers::Sixteen(items) => bytemuck::cast_slice(items),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_aligned_and_becomes_numbers_of_its_alignment_only() {
        for align in [1, 2, 4, 8, 16] {
            let mut block = Block::zeroed(48, align).unwrap();
            assert!(block.as_ref().as_ptr().addr().is_multiple_of(align));
            for (i, byte) in block.as_mut_slice().iter_mut().enumerate() {
                *byte = i as u8;
            }
            let start = block.as_ref().as_ptr();
            let block = if align == 2 { block.into_vec::<u32>().unwrap_err() } else { block };
            let (found, first) = match align {
                1 => block.into_vec::<u8>().map(|items| (items.as_ptr().cast(), u128::from(items[0]))),
                2 => block.into_vec::<i16>().map(|items| (items.as_ptr().cast(), items[0] as u128)),
                4 => block.into_vec::<f32>().map(|items| (items.as_ptr().cast(), u128::from(items[0].to_bits()))),
                8 => block.into_vec::<f64>().map(|items| (items.as_ptr().cast(), u128::from(items[0].to_bits()))),
                _ => block.into_vec::<u128>().map(|items| (items.as_ptr().cast(), items[0])),
            }
            .unwrap();
            assert_eq!(start, found);
            let expected: Vec<u8> = (0..align as u8).chain(std::iter::repeat_n(0, 16 - align)).collect();
            assert_eq!(first, u128::from_le_bytes(expected.try_into().unwrap()));
        }
        assert!(Block::zeroed(12, 8).is_none());
        assert!(Block::zeroed(64, 64).is_none());
        assert!(Block::zeroed(64, 0).is_none());
        assert_eq!(Block::zeroed(0, 8).unwrap().into_vec::<i64>().unwrap(), []);
    }
}
