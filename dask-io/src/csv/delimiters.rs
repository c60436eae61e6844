//! Where separators and line ends stand, eight bytes at a time.

const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const ONES: u64 = 0x0101_0101_0101_0101;
const WORD: usize = 8;

/// The positions of separators and line ends from some byte on.
///
/// A word of text is compared with both at once; the positions that were found in it are handed out one by one.
pub(super) struct Delimiters<'a> {
    bytes: &'a [u8],
    separators: u64,
    /// First byte of the word that was looked at.
    word: usize,
    /// The highest bit of each byte of the word that is a delimiter and was not handed out.
    found: u64,
}

impl<'a> Delimiters<'a> {
    pub(super) fn new(bytes: &'a [u8], separator: u8, at: usize) -> Self {
        let mut delimiters = Self { bytes, separators: ONES * u64::from(separator), word: 0, found: 0 };
        delimiters.seek(at);
        delimiters
    }

    /// Goes on at `at`.
    pub(super) fn seek(&mut self, at: usize) {
        self.word = at;
        self.found = self.look();
    }

    /// The next position; `None` at the end of the text.
    #[inline]
    pub(super) fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            self.word += WORD;
            if self.word >= self.bytes.len() {
                return None;
            }
            self.found = self.look();
        }
        let at = self.word + (self.found.trailing_zeros() / 8) as usize;
        self.found &= self.found - 1;
        Some(at)
    }

    #[inline]
    fn look(&self) -> u64 {
        let rest = self.bytes.get(self.word..).unwrap_or_default();
        match rest.first_chunk::<WORD>() {
            Some(word) => self.matches(u64::from_le_bytes(*word)),
            None => {
                let mut word = [0; WORD];
                word[..rest.len()].copy_from_slice(rest);
                // What is behind the text is no delimiter, even if the separator is a zero.
                self.matches(u64::from_le_bytes(word)) & ((1u64 << (8 * rest.len())) - 1)
            }
        }
    }

    /// The highest bit of each byte that is a delimiter.
    fn matches(&self, word: u64) -> u64 {
        zeros(word ^ self.separators) | zeros(word ^ (ONES * u64::from(b'\n')))
    }
}

/// The highest bit of each byte that is zero (Warren, *Hacker's Delight*, 6-1).
fn zeros(word: u64) -> u64 {
    !(((word & LOW) + LOW) | word | LOW)
}
