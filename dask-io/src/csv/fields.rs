//! Rows to fields.

use std::borrow::Cow;

/// What a row could not be split for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OpenQuote;

/// Splits the row that begins `bytes` and calls `f` with the number and the text of each field; returns the length of
/// the row with its end, and how many fields it has. Line breaks inside quotes belong to the field.
pub(super) fn split<'a>(
    bytes: &'a [u8],
    separator: u8,
    mut f: impl FnMut(usize, Cow<'a, [u8]>),
) -> Result<(usize, usize), OpenQuote> {
    let (mut at, mut n) = (0, 0);
    loop {
        if bytes.get(at) == Some(&b'"') {
            let (field, length) = quoted(&bytes[at + 1..])?;
            f(n, field);
            at += 1 + length;
            // What stands between the closing quote and the separator is passed over.
            at += memchr::memchr2(separator, b'\n', &bytes[at..]).unwrap_or(bytes.len() - at);
        } else {
            let length = memchr::memchr2(separator, b'\n', &bytes[at..]).unwrap_or(bytes.len() - at);
            let mut field = &bytes[at..at + length];
            at += length;
            if bytes.get(at) != Some(&separator) {
                field = field.strip_suffix(b"\r").unwrap_or(field);
            }
            f(n, Cow::Borrowed(field));
        }
        n += 1;
        match bytes.get(at) {
            Some(&byte) if byte == separator => at += 1,
            Some(_) => return Ok((at + 1, n)),
            None => return Ok((at, n)),
        }
    }
}

/// The text up to the closing quote, `""` being one quote; and the length with the closing quote.
fn quoted(bytes: &[u8]) -> Result<(Cow<'_, [u8]>, usize), OpenQuote> {
    let mut unescaped: Option<Vec<u8>> = None;
    let mut from = 0;
    loop {
        let quote = from + memchr::memchr(b'"', &bytes[from..]).ok_or(OpenQuote)?;
        if bytes.get(quote + 1) == Some(&b'"') {
            unescaped.get_or_insert_default().extend_from_slice(&bytes[from..=quote]);
            from = quote + 2;
            continue;
        }
        let field = match unescaped {
            None => Cow::Borrowed(&bytes[..quote]),
            Some(mut text) => {
                text.extend_from_slice(&bytes[from..quote]);
                Cow::Owned(text)
            }
        };
        return Ok((field, quote + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(row: &str) -> Result<(Vec<String>, usize), OpenQuote> {
        let mut found = Vec::new();
        let (length, _) =
            split(row.as_bytes(), b',', |_, field| found.push(String::from_utf8_lossy(&field).into_owned()))?;
        Ok((found, length))
    }

    #[test]
    fn rows_are_split_at_separators_outside_quotes() {
        assert_eq!(fields("a,b\r\nc").unwrap(), (vec!["a".into(), "b".into()], 5));
        assert_eq!(
            fields("\"a,\"\"x\"\"\nb\",,c\n").unwrap(),
            (vec!["a,\"x\"\nb".into(), String::new(), "c".into()], 15)
        );
        assert_eq!(fields("a,").unwrap(), (vec!["a".into(), String::new()], 2));
        assert_eq!(fields("\"a"), Err(OpenQuote));
    }
}
