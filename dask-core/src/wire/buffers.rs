//! Bytes out of band: shared, never copied on the way.

use std::sync::Arc;

/// Shared bytes that travel beside a message rather than in it.
#[derive(Clone)]
pub struct Buffer(Arc<dyn AsRef<[u8]> + Send + Sync>);

impl Buffer {
    /// Shares whatever owns the bytes (a `Vec<u8>`, an Arrow buffer, a mapped file).
    pub fn new<B: AsRef<[u8]> + Send + Sync + 'static>(owner: B) -> Self {
        Self(Arc::new(owner))
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} bytes)", self.as_slice().len())
    }
}
