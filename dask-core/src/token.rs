//! Content hashes: equal computations get equal keys, across runs and machines.
//!
//! A token is XXH3-128 over a canonical form: every piece is tagged with its type and prefixed with its
//! length, numbers are little-endian, floats are hashed by their bits, maps in the order of their keys.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3Default;

/// A 128-bit content hash, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Token(u128);

impl Token {
    /// The token of a value.
    ///
    /// ```
    /// use dask_core::Token;
    /// assert_eq!(Token::of(&("add", 1u64)), Token::of(&("add", 1u64)));
    /// assert_ne!(Token::of(&("add", 1u64)), Token::of(&("add", 1u32)));
    /// ```
    pub fn of<T: Tokenize + ?Sized>(value: &T) -> Self {
        let mut tokenizer = Tokenizer::new();
        value.tokenize(&mut tokenizer);
        tokenizer.finish()
    }

    /// A token that no other computation has: for functions of which the same input need not give the same output.
    pub fn unique() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        static ORIGIN: std::sync::OnceLock<Token> = std::sync::OnceLock::new();
        let origin = *ORIGIN.get_or_init(|| {
            let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
            Self::of(&("unique", nanos, u64::from(std::process::id()), &raw const COUNT as usize as u64))
        });
        // Odd, so that no two counts meet; and no two processes but by one chance in 2^128 a token.
        const STEP: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
        let count = u128::from(COUNT.fetch_add(1, Ordering::Relaxed));
        Self(origin.0.wrapping_add(count.wrapping_mul(STEP)))
    }

    /// Reads 32 hexadecimal digits (lower case).
    pub fn from_hex(digits: &str) -> Option<Self> {
        let canonical = digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        canonical.then(|| u128::from_str_radix(digits, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Collects the canonical form of a computation.
pub struct Tokenizer(Box<Xxh3Default>);

impl Default for Tokenizer {
    fn default() -> Self {
        Self::new()
    }
}

impl Tokenizer {
    /// An empty one.
    pub fn new() -> Self {
        Self(Box::new(Xxh3Default::new()))
    }

    /// Adds bytes of a kind, prefixed with the kind and their length.
    pub fn piece(&mut self, kind: u8, bytes: &[u8]) {
        self.0.update(&[kind]);
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// Adds a value.
    pub fn add<T: Tokenize + ?Sized>(&mut self, value: &T) -> &mut Self {
        value.tokenize(self);
        self
    }

    /// The token of all that was added.
    pub fn finish(&self) -> Token {
        Token(self.0.digest128())
    }
}

/// What has a canonical form. The same value gives the same token in every process.
pub trait Tokenize {
    /// Adds the canonical form to `t`.
    fn tokenize(&self, t: &mut Tokenizer);
}

macro_rules! numbers {
    ($($type:ty = $kind:literal),*) => {$(
        impl Tokenize for $type {
            fn tokenize(&self, t: &mut Tokenizer) { t.piece($kind, &self.to_le_bytes()); }
        }
    )*};
}
numbers!(u8 = 1, u16 = 2, u32 = 3, u64 = 4, u128 = 5, i8 = 6, i16 = 7, i32 = 8, i64 = 9, i128 = 10, f32 = 11, f64 = 12);

impl Tokenize for usize {
    fn tokenize(&self, t: &mut Tokenizer) {
        t.piece(13, &(*self as u64).to_le_bytes());
    }
}
impl Tokenize for isize {
    fn tokenize(&self, t: &mut Tokenizer) {
        t.piece(14, &(*self as i64).to_le_bytes());
    }
}
impl Tokenize for bool {
    fn tokenize(&self, t: &mut Tokenizer) {
        t.piece(15, &[u8::from(*self)]);
    }
}
impl Tokenize for char {
    fn tokenize(&self, t: &mut Tokenizer) {
        t.piece(16, &(*self as u32).to_le_bytes());
    }
}
impl Tokenize for str {
    fn tokenize(&self, t: &mut Tokenizer) {
        t.piece(17, self.as_bytes());
    }
}
impl Tokenize for String {
    fn tokenize(&self, t: &mut Tokenizer) {
        self.as_str().tokenize(t);
    }
}
impl Tokenize for () {
    fn tokenize(&self, t: &mut Tokenizer) {
        t.piece(18, &[]);
    }
}
impl Tokenize for Token {
    fn tokenize(&self, t: &mut Tokenizer) {
        t.piece(19, &self.0.to_le_bytes());
    }
}
impl Tokenize for crate::Name {
    fn tokenize(&self, t: &mut Tokenizer) {
        t.piece(20, self.what().as_bytes());
        self.token().tokenize(t);
    }
}
impl Tokenize for crate::Key {
    fn tokenize(&self, t: &mut Tokenizer) {
        self.name().tokenize(t);
        self.index().tokenize(t);
    }
}
impl<T: Tokenize> Tokenize for [T] {
    fn tokenize(&self, t: &mut Tokenizer) {
        t.piece(21, &(self.len() as u64).to_le_bytes());
        for item in self {
            item.tokenize(t);
        }
    }
}
impl<T: Tokenize> Tokenize for Vec<T> {
    fn tokenize(&self, t: &mut Tokenizer) {
        self.as_slice().tokenize(t);
    }
}
impl<T: Tokenize, const N: usize> Tokenize for [T; N] {
    fn tokenize(&self, t: &mut Tokenizer) {
        self.as_slice().tokenize(t);
    }
}
impl<T: Tokenize> Tokenize for Option<T> {
    fn tokenize(&self, t: &mut Tokenizer) {
        t.piece(22, &[u8::from(self.is_some())]);
        if let Some(value) = self {
            value.tokenize(t);
        }
    }
}
impl<T: Tokenize + ?Sized> Tokenize for &T {
    fn tokenize(&self, t: &mut Tokenizer) {
        (**self).tokenize(t);
    }
}
impl<T: Tokenize + ?Sized> Tokenize for Box<T> {
    fn tokenize(&self, t: &mut Tokenizer) {
        (**self).tokenize(t);
    }
}
impl<T: Tokenize + ?Sized> Tokenize for Arc<T> {
    fn tokenize(&self, t: &mut Tokenizer) {
        (**self).tokenize(t);
    }
}
impl<K: Tokenize, V: Tokenize> Tokenize for BTreeMap<K, V> {
    fn tokenize(&self, t: &mut Tokenizer) {
        t.piece(23, &(self.len() as u64).to_le_bytes());
        for (key, value) in self {
            key.tokenize(t);
            value.tokenize(t);
        }
    }
}
impl<K: Tokenize> Tokenize for BTreeSet<K> {
    fn tokenize(&self, t: &mut Tokenizer) {
        t.piece(24, &(self.len() as u64).to_le_bytes());
        for key in self {
            key.tokenize(t);
        }
    }
}

/// In the order of the keys' tokens: a hash map has none of its own.
impl<K: Tokenize, V: Tokenize, S> Tokenize for HashMap<K, V, S> {
    fn tokenize(&self, t: &mut Tokenizer) {
        let mut entries: Vec<(Token, &V)> = self.iter().map(|(key, value)| (Token::of(key), value)).collect();
        entries.sort_by_key(|(key, _)| *key);
        t.piece(26, &(entries.len() as u64).to_le_bytes());
        for (key, value) in entries {
            key.tokenize(t);
            value.tokenize(t);
        }
    }
}
/// In the order of the items' tokens.
impl<K: Tokenize, S> Tokenize for HashSet<K, S> {
    fn tokenize(&self, t: &mut Tokenizer) {
        let mut items: Vec<Token> = self.iter().map(Token::of).collect();
        items.sort();
        t.piece(27, &(items.len() as u64).to_le_bytes());
        items.iter().for_each(|item| item.tokenize(t));
    }
}

macro_rules! tuples {
    ($($count:literal: $($T:ident $i:tt),+;)*) => {$(
        impl<$($T: Tokenize),+> Tokenize for ($($T,)+) {
            fn tokenize(&self, t: &mut Tokenizer) {
                t.piece(25, &[$count]);
                $(self.$i.tokenize(t);)+
            }
        }
    )*};
}
tuples! {
    1: A 0;
    2: A 0, B 1;
    3: A 0, B 1, C 2;
    4: A 0, B 1, C 2, D 3;
    5: A 0, B 1, C 2, D 3, E 4;
    6: A 0, B 1, C 2, D 3, E 4, F 5;
    7: A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
}
