//! Bytes to rows and fields: where each field stands, for many rows at a time.
//!
//! Fields are not looked at here: columns that nobody wants cost no more than this.

use super::delimiters::Delimiters;

/// Set in [`Bound::end`] where the field holds doubled quotes.
const ESCAPED: u32 = 1 << 31;
/// A piece of text that is longer than this is not scanned: positions take 31 bits.
pub(super) const LONGEST: usize = ESCAPED as usize - 1;

/// Where a field stands, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound {
    start: u32,
    end: u32,
}

impl Bound {
    fn new(start: usize, end: usize, escaped: bool) -> Self {
        Self { start: start as u32, end: end as u32 | if escaped { ESCAPED } else { 0 } }
    }

    /// First byte.
    pub(super) fn start(self) -> usize {
        self.start as usize
    }

    /// One past the last byte.
    pub(super) fn end(self) -> usize {
        (self.end & !ESCAPED) as usize
    }

    /// Whether `""` stands for a quote in it.
    pub(super) fn is_escaped(self) -> bool {
        self.end & ESCAPED != 0
    }
}

/// Why a scan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// No row begins before the limit any more, or there are as many as were asked for.
    Done,
    /// The row goes on behind the text; or, at the end of the file, a quote is open.
    Incomplete,
    /// The row has another number of fields.
    Ragged {
        /// How many.
        found: usize,
    },
}

/// What a scan found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Where the first row begins that was not scanned.
    pub(super) at: usize,
    pub(super) n_rows: usize,
    pub(super) stop: Stop,
}

/// Which rows are scanned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    /// Between fields.
    pub(super) separator: u8,
    /// Fields of a row; `None` takes any number (for the header).
    pub(super) n_columns: Option<usize>,
    /// Rows with another number of fields are passed over.
    pub(super) skip_ragged: bool,
    /// Rows that begin here or behind it are not scanned.
    pub(super) limit: usize,
    /// No more rows than this.
    pub(super) n_max: usize,
    /// Whether the text ends where the file ends.
    pub(super) at_end: bool,
}

impl Rows {
    /// Finds the fields of the rows from `at` on. Empty lines are passed over; line breaks inside quotes belong to the
    /// field.
    pub(super) fn scan(&self, bytes: &[u8], mut at: usize, bounds: &mut Vec<Bound>) -> Scanned {
        let mut n_rows = 0;
        let limit = self.limit.min(bytes.len());
        let mut delimiters = Delimiters::new(bytes, self.separator, at);
        let stop = loop {
            if at >= limit || n_rows >= self.n_max {
                break Stop::Done;
            }
            let empty = match bytes[at..] {
                [b'\n', ..] => 1,
                [b'\r', b'\n', ..] => 2,
                [b'\r'] if self.at_end => 1,
                _ => 0,
            };
            if empty > 0 {
                at += empty;
                delimiters.seek(at);
                continue;
            }
            let before = bounds.len();
            let Some(next) = self.row(bytes, at, &mut delimiters, bounds) else {
                bounds.truncate(before);
                break Stop::Incomplete;
            };
            let found = bounds.len() - before;
            if self.n_columns.is_some_and(|expected| expected != found) {
                bounds.truncate(before);
                if !self.skip_ragged {
                    break Stop::Ragged { found };
                }
            } else {
                n_rows += 1;
            }
            at = next;
        };
        Scanned { at, n_rows, stop }
    }

    /// The fields of one row, and where the next begins; `None` if it does not end here.
    fn row(
        &self,
        bytes: &[u8],
        mut at: usize,
        delimiters: &mut Delimiters<'_>,
        bounds: &mut Vec<Bound>,
    ) -> Option<usize> {
        loop {
            let quoted = match bytes.get(at) {
                Some(b'"') => {
                    let (end, escaped) = self.closing(bytes, at + 1)?;
                    // What stands between the closing quote and the separator is passed over.
                    delimiters.seek(end + 1);
                    Some(Bound::new(at + 1, end, escaped))
                }
                _ => None,
            };
            let end = match delimiters.next() {
                Some(end) => end,
                None if self.at_end => bytes.len(),
                None => return None,
            };
            let ends_row = bytes.get(end) != Some(&self.separator);
            bounds.push(quoted.unwrap_or_else(|| {
                let text = if ends_row && end > at && bytes[end - 1] == b'\r' { end - 1 } else { end };
                Bound::new(at, text, false)
            }));
            at = end + 1;
            if ends_row {
                return Some(at.min(bytes.len()));
            }
        }
    }

    /// The closing quote of a field, and whether `""` stands before it.
    fn closing(&self, bytes: &[u8], mut from: usize) -> Option<(usize, bool)> {
        let mut escaped = false;
        loop {
            let quote = from + memchr::memchr(b'"', bytes.get(from..)?)?;
            match bytes.get(quote + 1) {
                Some(b'"') => escaped = true,
                // Whether another quote follows is not known yet.
                None if !self.at_end => return None,
                _ => return Some((quote, escaped)),
            }
            from = quote + 2;
        }
    }
}

/// The text of a field with `""` as one quote.
pub(super) fn unescape(field: &[u8], out: &mut Vec<u8>) {
    let mut rest = field;
    while let Some(quote) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=quote]);
        rest = rest.get(quote + 2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, at_end: bool) -> (Vec<Vec<String>>, usize, Stop) {
        let rows = Rows { separator: b',', n_columns: None, skip_ragged: false, limit: usize::MAX, n_max: 1, at_end };
        let (mut at, mut found, bytes) = (0, Vec::new(), text.as_bytes());
        loop {
            let mut bounds = Vec::new();
            let scanned = rows.scan(bytes, at, &mut bounds);
            if scanned.n_rows == 0 {
                return (found, scanned.at, scanned.stop);
            }
            let field = |bound: &Bound| {
                let mut out = Vec::new();
                match &bytes[bound.start()..bound.end()] {
                    field if bound.is_escaped() => unescape(field, &mut out),
                    field => out.extend_from_slice(field),
                }
                String::from_utf8_lossy(&out).into_owned()
            };
            found.push(bounds.iter().map(field).collect());
            at = scanned.at;
        }
    }

    #[test]
    fn rows_are_split_at_separators_outside_quotes() {
        let split = |text: &str| rows(text, true).0;
        assert_eq!(split("a,b\r\nc"), [vec!["a", "b"], vec!["c"]]);
        assert_eq!(split("\"a,\"\"x\"\"\nb\",,c\n\r\n\n"), [["a,\"x\"\nb", "", "c"]]);
        assert_eq!(split("a,"), [["a", ""]]);
        assert_eq!(split(",\n"), [["", ""]]);
        assert_eq!(split("a\rb,\"c\" ,d\r\n\r"), [["a\rb", "c", "d"]]);
        let long = format!("{},\"{}\"\n", "x".repeat(77), "y,".repeat(50));
        assert_eq!(split(&long.repeat(3)), vec![vec!["x".repeat(77), "y,".repeat(50)]; 3]);
    }

    #[test]
    fn what_is_not_whole_is_left() {
        assert_eq!(rows("a,b\n\"a", true), (vec![vec!["a".into(), "b".into()]], 4, Stop::Incomplete));
        assert_eq!(rows("a,b\nc", false), (vec![vec!["a".into(), "b".into()]], 4, Stop::Incomplete));
        assert_eq!(rows("\"a\"", false), (vec![], 0, Stop::Incomplete));
        assert_eq!(rows("\r", false), (vec![], 0, Stop::Incomplete));
    }
}
