//! Memory that fills as bytes arrive, aligned for vector instructions and for Arrow.

use bytes::BufMut;
use dask_core::wire::on_huge_pages;

/// The alignment of received buffers: what Arrow recommends, and a cache line.
pub const ALIGNMENT: usize = 64;

/// Bytes whose first stands at a multiple of [`ALIGNMENT`]: a vector with room for the padding before the first byte.
///
/// ```
/// use dask_dist::wire::aligned::{ALIGNMENT, Aligned};
/// let mut bytes = Aligned::with_capacity(3);
/// bytes.extend(b"abc");
/// assert_eq!(bytes.as_ref(), b"abc");
/// assert_eq!(bytes.as_ref().as_ptr().addr() % ALIGNMENT, 0);
/// ```
#[derive(Debug, Default)]
pub struct Aligned {
    /// `padding` bytes of nothing, then the content.
    bytes: Vec<u8>,
    padding: usize,
}

fn padding_of(bytes: &[u8]) -> usize {
    bytes.as_ptr().addr().wrapping_neg() % ALIGNMENT
}

impl Aligned {
    /// Room for `n` bytes.
    pub fn with_capacity(n: usize) -> Self {
        let mut bytes = Vec::with_capacity(n.saturating_add(ALIGNMENT - 1));
        let padding = padding_of(&bytes);
        bytes.resize(padding, 0);
        on_huge_pages(&mut bytes);
        Self { bytes, padding }
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.padding
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes fit without moving.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity() - self.padding
    }

    /// Room for `more` bytes. What is there moves if it must; large blocks are remapped by the system.
    pub fn reserve(&mut self, more: usize) {
        if more <= self.bytes.capacity() - self.bytes.len() {
            return;
        }
        let (len, before) = (self.len(), self.padding);
        self.bytes.reserve_exact(more.saturating_add(ALIGNMENT - 1 - before));
        on_huge_pages(&mut self.bytes);
        let after = padding_of(&self.bytes);
        if after != before {
            // The new block is aligned otherwise than the old one.
            self.bytes.resize(len + before.max(after), 0);
            self.bytes.copy_within(before..before + len, after);
            self.bytes.truncate(after + len);
            self.padding = after;
        }
    }

    /// Appends.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// Where the next `n` bytes go; to be reserved before.
    pub(super) fn spare(&mut self, n: usize) -> bytes::buf::Limit<&mut Vec<u8>> {
        debug_assert!(n <= self.bytes.capacity() - self.bytes.len(), "reserve first: growth would lose the alignment");
        (&mut self.bytes).limit(n)
    }
}

impl AsRef<[u8]> for Aligned {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[self.padding..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stay_in_order_and_aligned_however_they_grow() {
        for step in [1, 7, 63, 64, 65, 1000, 100_000] {
            let mut aligned = Aligned::default();
            let mut expected = Vec::new();
            for round in 0..40_u8 {
                let piece = vec![round; step];
                aligned.extend(&piece);
                expected.extend_from_slice(&piece);
                assert_eq!(aligned.as_ref(), expected, "pieces of {step} bytes");
                assert_eq!(aligned.as_ref().as_ptr().addr() % ALIGNMENT, 0);
            }
        }
    }
}
