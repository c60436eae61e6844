//! The decoders linked into this program, by stable name.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use linkme::distributed_slice;

use super::{Decoder, Encoder, Portable, WireError};

/// One decoder. `decode` returns a boxed `Arc<dyn Trait>`.
pub struct Entry {
    /// The stable name.
    pub name: &'static str,
    /// Reads the payload.
    pub decode: fn(&mut Decoder<'_>) -> Result<Box<dyn Any + Send>, WireError>,
}

/// All decoders of the crates that are linked; filled by [`portable!`](crate::portable) and [`register!`](crate::register).
#[distributed_slice]
pub static REGISTRY: [Entry];

type ByName = HashMap<&'static str, &'static Entry>;

fn by_name() -> &'static ByName {
    static BY_NAME: OnceLock<ByName> = OnceLock::new();
    BY_NAME.get_or_init(|| {
        let mut by_name = ByName::new();
        for entry in REGISTRY {
            let earlier = by_name.insert(entry.name, entry);
            assert!(earlier.is_none(), "two operations are registered as {}", entry.name);
        }
        by_name
    })
}

/// The names of everything that can arrive from elsewhere, sorted.
pub fn registered_names() -> Vec<&'static str> {
    let mut names: Vec<_> = by_name().keys().copied().collect();
    names.sort_unstable();
    names
}

/// Writes the name and the payload.
///
/// # Errors
/// What `portable` says.
pub fn encode_portable<P: Portable + ?Sized>(portable: &P, out: &mut Encoder) -> Result<(), WireError> {
    out.serde(portable.wire_name())?;
    portable.encode(out)
}

/// Reads what [`encode_portable`] wrote.
///
/// # Errors
/// [`WireError::NotLinked`], [`WireError::WrongKind`], malformed bytes.
pub fn decode_portable<P: ?Sized + Send + Sync + 'static>(input: &mut Decoder<'_>) -> Result<Arc<P>, WireError> {
    let name: String = input.serde()?;
    let Some(entry) = by_name().get(name.as_str()) else { return Err(WireError::NotLinked { name }) };
    match (entry.decode)(input)?.downcast::<Arc<P>>() {
        Ok(object) => Ok(*object),
        Err(_) => Err(WireError::WrongKind { name, expected: std::any::type_name::<P>() }),
    }
}
