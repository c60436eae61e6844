//! Messages: a few bytes in line, bulk out of band. The only file that names bincode.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};

use super::{Buffer, WireError};

const CONFIG: bincode::config::Configuration = bincode::config::standard();

/// An encoded value: its type, its bytes in line, and its buffers.
#[derive(Clone, Debug)]
pub struct Parcel {
    type_name: Cow<'static, str>,
    bytes: Arc<Vec<u8>>,
    buffers: Vec<Buffer>,
}

impl Parcel {
    /// Puts a parcel together from its parts, as read from a socket or a file.
    pub fn from_parts(type_name: impl Into<Cow<'static, str>>, bytes: Vec<u8>, buffers: Vec<Buffer>) -> Self {
        Self { type_name: type_name.into(), bytes: Arc::new(bytes), buffers }
    }

    /// The type that wrote it.
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// Takes the name away.
    pub(crate) fn take_type_name(&mut self) -> Cow<'static, str> {
        std::mem::take(&mut self.type_name)
    }

    /// Gives it a name.
    pub(crate) fn with_type_name(self, type_name: Cow<'static, str>) -> Self {
        Self { type_name, ..self }
    }

    /// The bytes in line.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes in line, shared.
    pub fn bytes_buffer(&self) -> Buffer {
        Buffer::new(Inline(self.bytes.clone()))
    }

    /// The bytes out of band.
    pub fn buffers(&self) -> &[Buffer] {
        &self.buffers
    }

    /// All bytes together.
    pub fn nbytes(&self) -> usize {
        self.bytes.len() + self.buffers.iter().map(|buffer| buffer.as_slice().len()).sum::<usize>()
    }
}

struct Inline(Arc<Vec<u8>>);

impl AsRef<[u8]> for Inline {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Collects what is to travel.
#[derive(Default)]
pub struct Encoder {
    bytes: Vec<u8>,
    buffers: Vec<Buffer>,
    is_canonical: bool,
}

impl Encoder {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty one for bytes that are compared rather than read: equal values are to give equal bytes.
    pub fn canonical() -> Self {
        Self { is_canonical: true, ..Self::default() }
    }

    /// Whether what has no order of its own, such as a hash map, is to be written in one that its content gives.
    pub fn is_canonical(&self) -> bool {
        self.is_canonical
    }

    /// Appends a serde value.
    ///
    /// # Errors
    /// What serde says.
    pub fn serde<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WireError> {
        bincode::serde::encode_into_std_write(value, &mut self.bytes, CONFIG)
            .map(drop)
            .map_err(|e| WireError::Codec(e.to_string()))
    }

    /// Appends bytes as they are; the reader must know how many.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends bytes from an iterator of which the length is known.
    pub fn extend(&mut self, bytes: impl IntoIterator<Item = u8>, n: usize) {
        self.bytes.reserve(n);
        self.bytes.extend(bytes);
    }

    /// Appends a length.
    pub fn len(&mut self, n: usize) {
        self.bytes.extend_from_slice(&(n as u64).to_le_bytes());
    }

    /// Adds bulk bytes, out of band.
    pub fn buffer(&mut self, buffer: Buffer) {
        self.buffers.push(buffer);
    }

    /// What was collected in line.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What was collected, as the encoding of a `type_name`.
    pub fn finish(self, type_name: impl Into<Cow<'static, str>>) -> Parcel {
        Parcel { type_name: type_name.into(), bytes: Arc::new(self.bytes), buffers: self.buffers }
    }
}

/// Decodes with a limit on what may be allocated, so that a forged length costs at most some ten times the message.
/// The codec counts each number by its size in memory, eight times that on the wire at most; its limits are constants.
fn decode_limited<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), bincode::error::DecodeError> {
    const SMALL: usize = 1 << 16;
    const MEDIUM: usize = 1 << 24;
    match bytes.len() {
        0..SMALL => bincode::serde::decode_from_slice(bytes, CONFIG.with_limit::<{ SMALL * 9 }>()),
        SMALL..MEDIUM => bincode::serde::decode_from_slice(bytes, CONFIG.with_limit::<{ MEDIUM * 9 }>()),
        _ => bincode::serde::decode_from_slice(bytes, CONFIG.with_limit::<{ 1 << 40 }>()),
    }
}

/// Reads what an [`Encoder`] wrote, in the same order.
pub struct Decoder<'a> {
    bytes: &'a [u8],
    buffers: std::vec::IntoIter<Buffer>,
}

impl<'a> Decoder<'a> {
    /// Reads a parcel from its beginning.
    pub fn new(parcel: &'a Parcel) -> Self {
        Self { bytes: &parcel.bytes, buffers: parcel.buffers.clone().into_iter() }
    }

    /// Reads a parcel from its beginning and takes its buffers, the memory of which may become the decoded value's.
    pub fn taking(parcel: &'a mut Parcel) -> Self {
        let buffers = std::mem::take(&mut parcel.buffers).into_iter();
        Self { bytes: &parcel.bytes, buffers }
    }

    /// Reads bytes that came without buffers.
    pub fn of_bytes(bytes: &'a [u8]) -> Self {
        Self { bytes, buffers: Vec::new().into_iter() }
    }

    /// Reads a serde value.
    ///
    /// # Errors
    /// Malformed bytes.
    pub fn serde<T: DeserializeOwned>(&mut self) -> Result<T, WireError> {
        let (value, used) = decode_limited(self.bytes).map_err(|e| WireError::Codec(e.to_string()))?;
        self.bytes = &self.bytes[used..];
        Ok(value)
    }

    /// Reads `n` bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn raw(&mut self, n: usize) -> Result<&'a [u8], WireError> {
        let (head, rest) = self.bytes.split_at_checked(n).ok_or(WireError::Truncated)?;
        self.bytes = rest;
        Ok(head)
    }

    /// Reads a length.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    #[expect(clippy::len_without_is_empty, reason = "reads a length from the message; it is no container")]
    pub fn len(&mut self) -> Result<usize, WireError> {
        let bytes: [u8; 8] = self.raw(8)?.try_into().map_err(|_| WireError::Truncated)?;
        usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| WireError::Truncated)
    }

    /// The next buffer.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn buffer(&mut self) -> Result<Buffer, WireError> {
        self.buffers.next().ok_or(WireError::Truncated)
    }

    /// How many bytes in line are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len()
    }

    /// Checks that everything was read.
    ///
    /// # Errors
    /// [`WireError::TrailingBytes`].
    pub fn end(&self) -> Result<(), WireError> {
        match self.bytes.len() + self.buffers.len() {
            0 => Ok(()),
            extra => Err(WireError::TrailingBytes { extra }),
        }
    }
}

/// Writes a value inside a larger message.
///
/// # Errors
/// [`WireError::OpaqueType`].
pub fn encode_value(value: &crate::Value, out: &mut Encoder) -> Result<(), WireError> {
    let parcel = value.to_parcel()?;
    out.serde(&*parcel.type_name)?;
    out.len(parcel.bytes.len());
    out.len(parcel.buffers.len());
    out.raw(&parcel.bytes);
    out.buffers.extend(parcel.buffers);
    Ok(())
}

/// Reads what [`encode_value`] wrote; the value stays encoded until it is asked for.
///
/// # Errors
/// Malformed bytes.
pub fn decode_value(input: &mut Decoder<'_>) -> Result<crate::Value, WireError> {
    let type_name: String = input.serde()?;
    let (n_bytes, n_buffers) = (input.len()?, input.len()?);
    let bytes = input.raw(n_bytes)?.to_vec();
    if n_buffers > input.buffers.len() {
        return Err(WireError::Truncated);
    }
    let buffers = (0..n_buffers).map(|_| input.buffer()).collect::<Result<_, _>>()?;
    Ok(crate::Value::encoded(Parcel::from_parts(type_name, bytes, buffers)))
}
