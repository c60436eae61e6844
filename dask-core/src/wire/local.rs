//! Functions of the user, sent to a process of the same executable, or by name to another build of the program.
//!
//! What is generic over a closure has no name of its own, but in one executable each such type has one static
//! descriptor: a magic number, and pointers to the type's identity, its name and its decoder. What travels is the build
//! id, the descriptor's offset from a fixed place of the image, and a hash of the name; never an address of code. The receiver
//! refuses another build, an offset outside the registered image, a misaligned one, a wrong magic number or hash, and
//! only then follows the pointer: a forged or stale message cannot reach undefined behaviour.
//!
//! In another build the descriptor stands elsewhere. There it is looked for by the name of the type, among all
//! descriptors of the image, which are found by their magic numbers; but only if every function in the type has a name
//! ([`named`](super::named)), and if no other type here is called the same. So whatever arrives is decoded by what
//! this build knows, and state is checked as it is read.
//!
//! A closure that captured nothing has no bytes; [`Func`] conjures it at the receiver. One that captured something
//! is refused, with the way out: explicit state.

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, OnceLock};

use super::image::image;
use super::named::has_name;
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
    id: fn() -> TypeId,
    name: fn() -> &'static str,
    decode: fn(&mut Decoder<'_>) -> Result<Arc<dyn TaskFn>, WireError>,
}

struct Of<T>(std::marker::PhantomData<T>);

impl<T: Local> Of<T> {
    const DESCRIPTOR: &'static Descriptor =
        &Descriptor { magic: magic(SEED), id: TypeId::of::<T>, name: type_name::<T>, decode: decode_as::<T> };
}

fn decode_as<T: Local>(input: &mut Decoder<'_>) -> Result<Arc<dyn TaskFn>, WireError> {
    Ok(Arc::new(T::decode_state(input)?))
}

/// The fixed place from which offsets count; no descriptor itself.
static ANCHOR: Anchor = Anchor(0);

/// Aligned like a [`Descriptor`].
#[repr(align(16))]
struct Anchor(#[expect(dead_code, reason = "only its place matters")] u64);

fn anchor() -> usize {
    &raw const ANCHOR as usize
}

fn offset_of<T: Local>() -> i64 {
    (Of::<T>::DESCRIPTOR as *const Descriptor as usize).wrapping_sub(anchor()) as i64
}

/// Writes a reference to `T`'s descriptor, its name if it has one, and `function`'s state.
///
/// # Errors
/// What cannot travel.
pub fn encode<T: Local>(function: &T, out: &mut Encoder) -> Result<(), WireError> {
    // Of two that are called alike, another build could run the wrong one.
    let name = Some(type_name::<T>()).filter(|name| matches!(by_name().get(name), Some(Some(_))));
    out.serde(&(build_id(), offset_of::<T>(), Token::of(type_name::<T>()), name))?;
    function.encode_state(out)
}

/// Adds what identifies the type `T` in this build to a token: for keys of computations with the user's functions.
pub fn tokenize_type<T: Local>(t: &mut Tokenizer) {
    // The compiler's name of the type: one type may have several descriptors, so that an offset would not do.
    t.add(&build_id()).add(type_name::<T>()).add(&format!("{:?}", TypeId::of::<T>()));
}

fn decode(input: &mut Decoder<'_>) -> Result<Arc<dyn TaskFn>, WireError> {
    let (build, offset, signature, name): (Token, i64, Token, Option<String>) = input.serde()?;
    if build != build_id() {
        let Some(name) = name else {
            return Err(WireError::OtherBuild { theirs: build.to_string(), ours: build_id().to_string() });
        };
        return (descriptor_named(name)?.decode)(input);
    }
    let descriptor = descriptor_at(offset)?;
    if Token::of((descriptor.name)()) != signature {
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
    if !image(anchor()).iter().any(|segment| segment.holds(address, size_of::<Descriptor>())) {
        return Err(WireError::BadDescriptor { why: "the offset is outside the program" });
    }
    // SAFETY: the address is aligned, and the whole lies in a segment.
    unsafe { descriptor_if_any(address, &computed_magic()) }
        .ok_or(WireError::BadDescriptor { why: "no function stands there" })
}

/// The words by which descriptors are known; the compiler must not know them, or it would write them down.
fn computed_magic() -> Magic {
    magic(std::hint::black_box(SEED))
}

/// The descriptor at an address, if one is there.
///
/// # Safety
/// The address is aligned like a [`Descriptor`], and all of its bytes lie in one segment of the image.
unsafe fn descriptor_if_any(address: usize, magic: &Magic) -> Option<&'static Descriptor> {
    // SAFETY: this program's image is mapped readable for as long as the program runs; whatever stands there, words
    // are words.
    let word = |i: usize| unsafe { std::ptr::read_volatile((address as *const u64).add(i)) };
    if !(0..magic.len()).all(|i| word(i) == magic[i]) {
        return None;
    }
    // At the edge of a segment the file's bytes stand a second time, as they were before pointers were relocated.
    let is_code =
        |pointer: u64| image(anchor()).iter().any(|segment| segment.is_code && segment.holds(pointer as usize, 1));
    if !(magic.len()..magic.len() + 3).all(|i| is_code(word(i))) {
        return None;
    }
    // SAFETY: aligned and inside the image as above, and the four magic words stand only in `Descriptor`s, which are
    // immutable statics; this one's pointers were relocated.
    Some(unsafe { &*(address as *const Descriptor) })
}

/// The functions of this build that have names, by these; nothing where two types share one.
type ByName = HashMap<&'static str, Option<&'static Descriptor>>;

fn by_name() -> &'static ByName {
    static FOUND: OnceLock<ByName> = OnceLock::new();
    FOUND.get_or_init(|| {
        let mut found = ByName::new();
        for descriptor in descriptors() {
            let name = (descriptor.name)();
            if !has_name(name) {
                continue;
            }
            let entry = found.entry(name).or_insert(Some(descriptor));
            // One type may have several equal descriptors.
            if entry.is_some_and(|known| (known.id)() != (descriptor.id)()) {
                *entry = None;
            }
        }
        found
    })
}

/// What several functions of this build are called that would have a name otherwise, sorted: to other builds, these do
/// not go by name.
pub fn shared_names() -> Vec<&'static str> {
    let shared = by_name().iter().filter(|(_, descriptor)| descriptor.is_none());
    let mut names: Vec<&str> = shared.map(|(name, _)| *name).collect();
    names.sort_unstable();
    names
}

/// All descriptors of this build. They hold pointers, and are read-only once the program is loaded.
fn descriptors() -> impl Iterator<Item = &'static Descriptor> {
    image(anchor()).iter().filter(|segment| !segment.is_writable).flat_map(|segment| {
        let first = segment.range.start.next_multiple_of(align_of::<Descriptor>());
        let places =
            (first..segment.range.end.saturating_sub(size_of::<Descriptor>() - 1)).step_by(align_of::<Descriptor>());
        let magic = computed_magic();
        // SAFETY: aligned, and all of it lies in the segment.
        places.filter_map(move |place| unsafe { descriptor_if_any(place, &magic) })
    })
}

fn descriptor_named(name: String) -> Result<&'static Descriptor, WireError> {
    match by_name().get(name.as_str()) {
        Some(Some(descriptor)) => Ok(descriptor),
        Some(None) => Err(WireError::AmbiguousFunction { name }),
        None => Err(WireError::NoFunction { name }),
    }
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
        // nothing; `F` is `Clone`, so that another of the sender's may exist: in a process of the same build there is
        // one, and what travels by name to another build is made of functions and of closures that captured nothing.
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
