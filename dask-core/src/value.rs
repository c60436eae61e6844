//! A task's result: shared, cheap to clone, typed at the edges.

use std::any::{Any, type_name};
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::data::Data;
use crate::error::{Error, Result};
use crate::token::{Token, Tokenizer};
use crate::wire::{Decoder, Encoder, Parcel, WireError};

/// A shared value of any type that is [`Data`]. A clone costs an atomic increment.
///
/// A value that came from another process (or from disk) stays encoded until somebody asks for it by type: the
/// asker knows the type, so that nothing has to be registered.
///
/// ```
/// use dask_core::Value;
/// let value = Value::new(vec![1i64, 2, 3]);
/// assert_eq!(value.get::<Vec<i64>>()?, &[1, 2, 3]);
/// assert!(value.get::<String>().is_err());
/// # Ok::<(), dask_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Value(Arc<dyn Data>);

/// A value that is elsewhere, such as in the memory of a cluster's worker; dropped, it may be released there.
pub trait Remote: Any + Send + Sync {
    /// Brings it here.
    ///
    /// # Errors
    /// If it is lost, or its task failed.
    fn fetch(&self) -> Result<Value>;

    /// Its size, if known.
    fn nbytes(&self) -> usize;
}

/// A value that is elsewhere, and what came of it.
struct Elsewhere {
    remote: Arc<dyn Remote>,
    here: OnceLock<Value>,
}

impl Data for Elsewhere {
    fn nbytes(&self) -> usize {
        self.here.get().map_or_else(|| self.remote.nbytes(), Value::nbytes)
    }
    fn type_name(&self) -> &'static str {
        "a value on a cluster"
    }
}

impl Elsewhere {
    fn fetch(&self) -> Result<&Value> {
        if let Some(value) = self.here.get() {
            return Ok(value);
        }
        let value = self.remote.fetch()?;
        Ok(self.here.get_or_init(|| value))
    }
}

/// Bytes of so many, or in buffers, are not kept beside the value that was decoded from them.
const KEPT_NBYTES_MAX: usize = 16 << 10;

/// Bytes that became no value yet.
struct Encoded {
    type_name: Cow<'static, str>,
    nbytes: usize,
    /// Without its name; none once the value has taken its place.
    parcel: Mutex<Option<Parcel>>,
    decoded: OnceLock<Value>,
}

impl Data for Encoded {
    fn nbytes(&self) -> usize {
        self.decoded.get().map_or(self.nbytes, Value::nbytes)
    }
}

impl Value {
    /// Wraps a value.
    pub fn new<T: Data>(value: T) -> Self {
        Self(Arc::new(value))
    }

    /// A value that is decoded when it is first asked for.
    pub fn encoded(mut parcel: Parcel) -> Self {
        Self(Arc::new(Encoded {
            type_name: parcel.take_type_name(),
            nbytes: parcel.nbytes(),
            parcel: Mutex::new(Some(parcel)),
            decoded: OnceLock::new(),
        }))
    }

    /// A value that is elsewhere and is fetched when it is first asked for.
    pub fn remote(remote: Arc<dyn Remote>) -> Self {
        Self(Arc::new(Elsewhere { remote, here: OnceLock::new() }))
    }

    /// Where the value is, if it is elsewhere.
    pub fn as_remote(&self) -> Option<&Arc<dyn Remote>> {
        self.elsewhere().map(|elsewhere| &elsewhere.remote)
    }

    fn elsewhere(&self) -> Option<&Elsewhere> {
        let any: &dyn Any = &*self.0;
        any.downcast_ref()
    }

    /// Its size in bytes, heap included.
    pub fn nbytes(&self) -> usize {
        self.0.nbytes()
    }

    /// Writes it for another process. What arrived encoded and was not looked at goes on as it is.
    ///
    /// # Errors
    /// [`WireError::OpaqueType`] where the type cannot travel.
    pub fn to_parcel(&self) -> Result<Parcel, WireError> {
        self.to_parcel_by(Encoder::new())
    }

    fn to_parcel_by(&self, mut out: Encoder) -> Result<Parcel, WireError> {
        let any: &dyn Any = &*self.0;
        if let Some(encoded) = any.downcast_ref::<Encoded>() {
            return encoded.to_parcel();
        }
        if let Some(elsewhere) = any.downcast_ref::<Elsewhere>() {
            return elsewhere.fetch().map_err(|error| WireError::Codec(error.to_string()))?.to_parcel_by(out);
        }
        self.0.clone().encode_shared(&mut out)?;
        Ok(out.finish(self.0.type_name()))
    }

    /// The token of what it holds: its type, and what it is encoded as. Equal values have equal ones in every process.
    /// What is not known by its content gets a [unique](Token::unique) one: a type that cannot travel, a value that is
    /// elsewhere.
    ///
    /// Two values that are encoded alike are taken for equal, so what an encoding leaves out makes no difference. Of hash
    /// maps the order does not count, unless they stand inside a type that is encoded by serde: a sorted map is better
    /// there.
    ///
    /// Numbers are hashed where they are; other values are encoded for it.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use dask_core::Value;
    /// assert_eq!(Value::new(vec![1.0, 2.0]).content_token(), Value::new(vec![1.0, 2.0]).content_token());
    /// assert_ne!(Value::new(vec![1.0, 2.0]).content_token(), Value::new(vec![1.0]).content_token());
    /// let ages = || HashMap::from([("ann".to_owned(), 31), ("bob".to_owned(), 27), ("eve".to_owned(), 30)]);
    /// assert_eq!(Value::new(ages()).content_token(), Value::new(ages()).content_token());
    /// ```
    pub fn content_token(&self) -> Token {
        if self.as_remote().is_some() {
            return Token::unique();
        }
        let Ok(parcel) = self.to_parcel_by(Encoder::canonical()) else { return Token::unique() };
        let mut t = Tokenizer::new();
        t.add(parcel.type_name());
        // As pieces: a slice of bytes would be added byte by byte.
        t.piece(0, parcel.bytes());
        parcel.buffers().iter().for_each(|buffer| t.piece(1, buffer.as_slice()));
        t.finish()
    }

    /// The value as a `T`.
    ///
    /// # Errors
    /// [`Error::WrongType`], or a decoding error for a value that came from elsewhere.
    pub fn get<T: Data>(&self) -> Result<&T> {
        let any: &dyn Any = &*self.0;
        if let Some(value) = any.downcast_ref::<T>() {
            return Ok(value);
        }
        if let Some(encoded) = any.downcast_ref::<Encoded>() {
            return encoded.decode::<T>()?.get::<T>();
        }
        match any.downcast_ref::<Elsewhere>() {
            Some(elsewhere) => elsewhere.fetch()?.get::<T>(),
            None => Err(wrong_type::<T>(self.0.type_name())),
        }
    }

    /// Takes the `T` out: moved if nobody else holds the value, otherwise cloned.
    ///
    /// # Errors
    /// As [`get`](Value::get).
    pub fn take<T: Data + Clone>(self) -> Result<T> {
        let any: &dyn Any = &*self.0;
        if let Some(encoded) = any.downcast_ref::<Encoded>()
            && encoded.decoded.get().is_none()
            && !self.is_unshared()
        {
            // Decoded for this taker alone: kept for others, it would have to be cloned.
            return encoded.decode_owned();
        }
        self.shared::<T>().map(Arc::unwrap_or_clone)
    }

    /// The value as a shared `T`; [`Arc::try_unwrap`] tells whether anybody else holds it.
    ///
    /// # Errors
    /// As [`get`](Value::get).
    pub fn shared<T: Data>(self) -> Result<Arc<T>> {
        let any: &dyn Any = &*self.0;
        if any.is::<T>() {
            let any: Arc<dyn Any + Send + Sync> = self.0;
            return any.downcast::<T>().map_err(|_| wrong_type::<T>("another type"));
        }
        if any.is::<Encoded>() {
            let any: Arc<dyn Any + Send + Sync> = self.0;
            if let Ok(encoded) = any.downcast::<Encoded>() {
                // Nobody else may look: decode once more only if somebody already shares the decoded value.
                return match Arc::try_unwrap(encoded) {
                    Ok(mut encoded) => {
                        encoded.decode::<T>()?;
                        encoded.decoded.take().map_or(Err(Error::Wire(WireError::Truncated)), Value::shared::<T>)
                    }
                    Err(encoded) => encoded.decode::<T>()?.clone().shared::<T>(),
                };
            }
            return Err(Error::Wire(WireError::Truncated));
        }
        if let Some(elsewhere) = self.elsewhere() {
            return elsewhere.fetch()?.clone().shared::<T>();
        }
        Err(wrong_type::<T>(self.0.type_name()))
    }

    /// Whether nobody else holds it.
    pub fn is_unshared(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// The name of its type, for people.
    pub fn type_name(&self) -> &str {
        match (&*self.0 as &dyn Any).downcast_ref::<Encoded>() {
            Some(encoded) => &encoded.type_name,
            None => self.0.type_name(),
        }
    }
}

fn wrong_type<T>(found: &str) -> Error {
    Error::WrongType { what: "value".into(), expected: type_name::<T>().into(), found: found.into() }
}

impl Encoded {
    fn lock(&self) -> MutexGuard<'_, Option<Parcel>> {
        self.parcel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check<T>(&self) -> Result<()> {
        if self.type_name == type_name::<T>() { Ok(()) } else { Err(wrong_type::<T>(&self.type_name)) }
    }

    /// The bytes as they came, or those of the value that took their place.
    fn to_parcel(&self) -> Result<Parcel, WireError> {
        if let Some(parcel) = &*self.lock() {
            return Ok(parcel.clone().with_type_name(self.type_name.clone()));
        }
        self.decoded.get().ok_or(WireError::Truncated)?.to_parcel()
    }

    /// The value, to be shared from now on. Large bytes are given to it, or up.
    fn decode<T: Data>(&self) -> Result<&Value> {
        if let Some(value) = self.decoded.get() {
            return Ok(value);
        }
        self.check::<T>()?;
        let mut slot = self.lock();
        if let Some(value) = self.decoded.get() {
            return Ok(value);
        }
        let parcel = slot.as_mut().ok_or(WireError::Truncated)?;
        let kept = parcel.buffers().is_empty() && self.nbytes <= KEPT_NBYTES_MAX;
        let value = Value::new(decode_all::<T>(Decoder::taking(parcel))?);
        let value = self.decoded.get_or_init(|| value);
        if !kept {
            *slot = None;
        }
        Ok(value)
    }

    fn decode_owned<T: Data>(&self) -> Result<T> {
        self.check::<T>()?;
        let parcel = self.to_parcel()?;
        decode_all(Decoder::new(&parcel))
    }
}

fn decode_all<T: Data>(mut input: Decoder<'_>) -> Result<T> {
    let value = T::decode(&mut input)?;
    input.end()?;
    Ok(value)
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes)", self.nbytes())
    }
}
