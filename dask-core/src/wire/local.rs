//! Functions of the user, sent to a process of the same executable.
//!
//! What is generic over a closure has no name of its own, but in one executable each such type has one static
//! descriptor: a magic number, a hash of the type's name, and a pointer to its decoder. What travels is the build id,
//! the descriptor's offset from a fixed place of the image, and the hash; never an address of code. The receiver
//! refuses another build, an offset outside the registered image, a misaligned one, a wrong magic number or hash, and
//! only then follows the pointer: a forged or stale message cannot reach undefined behaviour.
//!
//! A closure that captured nothing has no bytes; [`Func`] conjures it at the receiver. One that captured something
//! is refused, with the way out: explicit state.

use std::any::type_name;
use std::io::Read;
use std::sync::{Arc, OnceLock};

use super::{Decoder, Encoder, WireError};
use crate::task::TaskFn;
use crate::token::{Token, Tokenize, Tokenizer};

/// A generic task function that can rebuild itself in a process of the same executable.
///
/// Its [`Portable`](super::Portable) implementation says `wire_name` [`WIRE_NAME`] and calls [`encode`]:
/// ```ignore
/// impl<T, U, F> Portable for MapFn<T, U, F> {
///     fn wire_name(&self) -> &'static str { local::WIRE_NAME }
///     fn encode(&self, out: &mut Encoder) -> Result<(), WireError> { local::encode(self, out) }
/// }
/// ```
pub trait Local: TaskFn + Sized + 'static {
    /// Writes its state: closures by [`Func::encode`], values by [`Data::encode`](crate::Data::encode).
    ///
    /// # Errors
    /// What cannot travel.
    fn encode_state(&self, out: &mut Encoder) -> Result<(), WireError>;

    /// Reads what [`encode_state`](Local::encode_state) wrote.
    ///
    /// # Errors
    /// Malformed bytes.
    fn decode_state(input: &mut Decoder<'_>) -> Result<Self, WireError>;
}

/// The registered name under which all local functions travel.
pub const WIRE_NAME: &str = "core.local";

/// Four words that stand nowhere in the image but in descriptors: checks compute them rather than name them.
type Magic = [u64; 4];

const SEED: u64 = 0x6461_736b_2d66_6e31; // "dask-fn1"

/// The words that follow from a seed (splitmix64).
const fn magic(seed: u64) -> Magic {
    let mut words = [0; 4];
    let mut state = seed;
    let mut i = 0;
    while i < 4 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        words[i] = z ^ (z >> 31);
        i += 1;
    }
    words
}

/// What a process of the same build finds at the offset.
#[repr(C, align(16))]
struct Descriptor {
    magic: Magic,
    /// Hash of the type's name.
    signature: fn() -> Token,
    decode: fn(&mut Decoder<'_>) -> Result<Arc<dyn TaskFn>, WireError>,
}

struct Of<T>(std::marker::PhantomData<T>);

impl<T: Local> Of<T> {
    const DESCRIPTOR: &'static Descriptor =
        &Descriptor { magic: magic(SEED), signature: signature_of::<T>, decode: decode_as::<T> };
}

fn signature_of<T>() -> Token {
    Token::of(type_name::<T>())
}

fn decode_as<T: Local>(input: &mut Decoder<'_>) -> Result<Arc<dyn TaskFn>, WireError> {
    Ok(Arc::new(T::decode_state(input)?))
}

/// The fixed place from which offsets count; no descriptor itself.
static ANCHOR: Anchor = Anchor(0);

/// Aligned like a [`Descriptor`].
#[repr(align(16))]
struct Anchor(#[allow(dead_code, reason = "only its place matters")] u64);

fn anchor() -> usize {
    &raw const ANCHOR as usize
}

fn offset_of<T: Local>() -> i64 {
    (Of::<T>::DESCRIPTOR as *const Descriptor as usize).wrapping_sub(anchor()) as i64
}

/// Writes a reference to `T`'s descriptor, and `function`'s state.
///
/// # Errors
/// What cannot travel.
pub fn encode<T: Local>(function: &T, out: &mut Encoder) -> Result<(), WireError> {
    out.serde(&(build_id(), offset_of::<T>(), signature_of::<T>()))?;
    function.encode_state(out)
}

/// Adds what identifies the type `T` in this build to a token: for keys of computations with the user's functions.
pub fn tokenize_type<T: Local>(t: &mut Tokenizer) {
    t.add(&build_id()).add(type_name::<T>()).add(&offset_of::<T>());
}

fn decode(input: &mut Decoder<'_>) -> Result<Arc<dyn TaskFn>, WireError> {
    let (build, offset, signature): (Token, i64, Token) = input.serde()?;
    if build != build_id() {
        return Err(WireError::OtherBuild { theirs: build.to_string(), ours: build_id().to_string() });
    }
    let descriptor = descriptor_at(offset)?;
    if (descriptor.signature)() != signature {
        return Err(WireError::BadDescriptor { why: "another function stands there" });
    }
    (descriptor.decode)(input)
}

crate::register!("core.local", |input| Ok(Box::new(decode(input)?)));

fn descriptor_at(offset: i64) -> Result<&'static Descriptor, WireError> {
    let address = anchor().wrapping_add(offset as usize);
    if !address.is_multiple_of(align_of::<Descriptor>()) {
        return Err(WireError::BadDescriptor { why: "the offset is not aligned" });
    }
    let end = address.checked_add(size_of::<Descriptor>());
    let inside =
        |segment: &std::ops::Range<usize>| segment.start <= address && end.is_some_and(|end| end <= segment.end);
    if !image().iter().any(inside) {
        return Err(WireError::BadDescriptor { why: "the offset is outside the program" });
    }
    // SAFETY: the address is aligned and all 32 bytes lie in a segment of this program's image that is mapped readable
    // for as long as the program runs; any bytes are valid words.
    let words = unsafe { std::ptr::read_volatile(address as *const Magic) };
    if words != magic(std::hint::black_box(SEED)) {
        return Err(WireError::BadDescriptor { why: "no function stands there" });
    }
    // SAFETY: aligned and inside the image as above, and the four magic words stand only in `Descriptor`s, which are
    // immutable statics.
    Ok(unsafe { &*(address as *const Descriptor) })
}

/// The readable, mapped segments of this program's own image.
fn image() -> &'static [std::ops::Range<usize>] {
    static IMAGE: OnceLock<Vec<std::ops::Range<usize>>> = OnceLock::new();
    IMAGE.get_or_init(|| std::fs::read_to_string("/proc/self/maps").map_or_else(|_| Vec::new(), |maps| segments(&maps)))
}

/// The readable segments in `maps` of the file that holds the anchor.
fn segments(maps: &str) -> Vec<std::ops::Range<usize>> {
    let parsed: Vec<(std::ops::Range<usize>, &str)> = maps
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let (start, end) = fields.next()?.split_once('-')?;
            let readable = fields.next()?.starts_with('r');
            let path = fields.nth(3)?;
            let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
            readable.then_some((range, path))
        })
        .collect();
    let Some((_, own)) = parsed.iter().find(|(range, _)| range.contains(&anchor())) else { return Vec::new() };
    parsed.iter().filter(|(_, path)| path == own).map(|(range, _)| range.clone()).collect()
}

/// Identifies this executable: the hash of its bytes.
pub fn build_id() -> Token {
    static ID: OnceLock<Token> = OnceLock::new();
    *ID.get_or_init(|| {
        let mut tokenizer = Tokenizer::new();
        if hash_executable(&mut tokenizer).is_err() {
            // Unreadable: equal to no other process.
            tokenizer.add(&Token::unique());
        }
        tokenizer.finish()
    })
}

/// In pieces: an executable may be larger than the memory that its worker is given.
fn hash_executable(tokenizer: &mut Tokenizer) -> std::io::Result<()> {
    let file = std::fs::File::open(std::env::current_exe()?)?;
    let mut piece = Vec::new();
    loop {
        piece.clear();
        (&file).take(1 << 18).read_to_end(&mut piece)?;
        if piece.is_empty() {
            return Ok(());
        }
        tokenizer.piece(0, &piece);
    }
}

/// A closure in a task function: it travels if it captured nothing.
#[derive(Clone, Copy)]
pub struct Func<F>(pub F);

impl<F: Clone + Send + Sync + 'static> Func<F> {
    /// Checks that the closure needs no bytes to travel.
    ///
    /// # Errors
    /// [`WireError::Captures`].
    pub fn encode(&self, _out: &mut Encoder) -> Result<(), WireError> {
        check_captures::<F>()
    }

    /// Conjures the closure.
    ///
    /// # Errors
    /// [`WireError::Captures`].
    pub fn decode(_input: &mut Decoder<'_>) -> Result<Self, WireError> {
        check_captures::<F>()?;
        // SAFETY: `F` has no bytes and no drop glue, so that any aligned pointer reads one and forgetting one is
        // nothing; `F` is `Clone`, so that another of the sender's, whose existence in a process of the same build is
        // why this is called, may exist.
        Ok(Self(unsafe { std::ptr::NonNull::<F>::dangling().read() }))
    }
}

fn check_captures<F>() -> Result<(), WireError> {
    match size_of::<F>() {
        0 if !std::mem::needs_drop::<F>() => Ok(()),
        nbytes => Err(WireError::Captures { type_name: type_name::<F>(), nbytes }),
    }
}

impl<F: 'static> Tokenize for Func<F> {
    /// Capture-free closures are told apart by the type that holds them ([`tokenize_type`]); what captured something
    /// is never equal to anything.
    fn tokenize(&self, t: &mut Tokenizer) {
        t.add(type_name::<F>());
        if check_captures::<F>().is_err() {
            t.add(&Token::unique());
        }
    }
}
