//! What a result is called: a layer's name and a position in its grid.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::token::Token;

/// A position in a layer's grid of tasks: block indices of an array, the number of a partition, or
/// nothing for a single value.
pub type Index = SmallVec<[u32; 4]>;

/// The name of a layer: what it does, and the token of how. `sum-` and 32 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Name {
    what: Arc<str>,
    token: Option<Token>,
}

impl Name {
    /// A name made by content: equal computations get equal names.
    pub fn tokened(what: impl Into<Arc<str>>, token: Token) -> Self {
        Self { what: what.into(), token: Some(token) }
    }

    /// A name chosen by a person; parsed, so that `sum-<32 hex digits>` is a tokened name again.
    pub fn new(text: &str) -> Self {
        match text.rsplit_once('-') {
            Some((what, digits)) if digits.len() == 32 => match Token::from_hex(digits) {
                Some(token) => Self { what: what.into(), token: Some(token) },
                None => Self { what: text.into(), token: None },
            },
            _ => Self { what: text.into(), token: None },
        }
    }

    /// What the layer does, without the token: `sum`.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The token, if the name was made by content.
    pub fn token(&self) -> Option<Token> {
        self.token
    }

    /// The key at `index` of this layer.
    pub fn at(&self, index: &[u32]) -> Key {
        Key { name: self.clone(), index: Index::from_slice(index) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.token {
            Some(token) => write!(f, "{}-{token}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// The name of one task and of its result.
///
/// Written as a plain name, or as `('name', 0, 1)` where there is a position. Ordered by name, then position.
///
/// ```
/// use dask_core::Key;
/// let key: Key = "('x-mean', 3, 0)".parse()?;
/// assert_eq!((key.name().what(), key.index()), ("x-mean", &[3, 0][..]));
/// assert_eq!(key.to_string(), "('x-mean', 3, 0)");
/// # Ok::<(), dask_core::KeyParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Key {
    name: Name,
    index: Index,
}

impl Key {
    /// A key of a layer with a single task.
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into(), index: Index::new() }
    }

    /// The layer it belongs to.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The position in the layer's grid; empty for a single value.
    pub fn index(&self) -> &[u32] {
        &self.index
    }
}

impl From<Name> for Key {
    fn from(name: Name) -> Self {
        Self { name, index: Index::new() }
    }
}

fn needs_quotes(text: &str) -> bool {
    text.is_empty() || text.starts_with(['(', '\'', ' ']) || text.ends_with(' ') || text.contains(['\\', '\n'])
}

fn write_quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("'")?;
    for c in text.chars() {
        match c {
            '\'' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            _ => write!(f, "{c}")?,
        }
    }
    f.write_str("'")
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.to_string();
        if self.index.is_empty() {
            return if needs_quotes(&name) { write_quoted(&name, f) } else { f.write_str(&name) };
        }
        f.write_str("(")?;
        write_quoted(&name, f)?;
        for i in &self.index {
            write!(f, ", {i}")?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a key: {text:?}: {expected}; a key is a name or ('name', 0, 1)")]
pub struct KeyParseError {
    text: String,
    expected: &'static str,
}

impl FromStr for Key {
    type Err = KeyParseError;

    fn from_str(text: &str) -> Result<Self, KeyParseError> {
        let wrong = |expected| KeyParseError { text: text.to_owned(), expected };
        if let Some(inside) = text.strip_prefix('(') {
            let inside = inside.strip_suffix(')').ok_or(wrong("expected a closing parenthesis"))?;
            let (name, rest) = unquote(inside).ok_or(wrong("expected a quoted name after the parenthesis"))?;
            let mut index = Index::new();
            for number in rest.split(',').skip(1) {
                index.push(number.trim().parse().map_err(|_| wrong("expected a position that fits 32 bits"))?);
            }
            if index.is_empty() || !rest.trim_start().starts_with(',') {
                return Err(wrong("expected a comma and a position after the name"));
            }
            return Ok(Self { name: Name::new(&name), index });
        }
        if text.starts_with('\'') {
            return match unquote(text) {
                Some((name, "")) => Ok(Self::new(Name::new(&name))),
                _ => Err(wrong("expected a closing quote")),
            };
        }
        if needs_quotes(text) {
            return Err(wrong("expected a name"));
        }
        Ok(Self::new(Name::new(text)))
    }
}

/// Splits `'name'rest` into the name, unescaped, and the rest.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = text.strip_prefix('\'')?.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Some((name, &text[at + 2..])),
            '\\' => match chars.next()?.1 {
                'n' => name.push('\n'),
                other => name.push(other),
            },
            _ => name.push(c),
        }
    }
    None
}
