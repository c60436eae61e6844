//! Batches as frames.

use std::io::IoSlice;
use std::time::Duration;

use bytes::BufMut;
use dask_core::Value;
use dask_core::wire::{Buffer, Decoder, Encoder, Parcel};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::limits::{CommSettings, STEP};
use crate::error::DistError;
use crate::protocol::Batch;

/// Buffers up to this size are copied beside the rest rather than written from where they are.
const COPY_MAX: usize = 4096;
const FAREWELL: u32 = u32::MAX;

/// What an attachment consists of: its type, bytes in line, bytes of each buffer.
type Form = (String, u64, Vec<u64>);

/// Bytes ready to be written: small ones together, large ones where they are.
#[derive(Default)]
pub struct Outgoing {
    pieces: Vec<Piece>,
    /// All bytes together.
    pub nbytes: u64,
}

enum Piece {
    Own(Vec<u8>),
    Shared(Buffer),
}

impl Piece {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(buffer) => buffer.as_slice(),
        }
    }
}

impl Outgoing {
    fn push(&mut self, bytes: &[u8]) {
        self.nbytes += bytes.len() as u64;
        match self.pieces.last_mut() {
            Some(Piece::Own(own)) => own.extend_from_slice(bytes),
            _ => self.pieces.push(Piece::Own(bytes.to_vec())),
        }
    }

    fn share(&mut self, buffer: &Buffer) {
        if buffer.as_slice().len() <= COPY_MAX {
            self.push(buffer.as_slice());
        } else {
            self.nbytes += buffer.as_slice().len() as u64;
            self.pieces.push(Piece::Shared(buffer.clone()));
        }
    }

    /// Appends a batch.
    ///
    /// # Errors
    /// A value that cannot travel.
    pub fn frame<M: Serialize>(&mut self, batch: &Batch<M>) -> Result<(), DistError> {
        let other = |error: dask_core::wire::WireError| DistError::Other(error.to_string());
        let mut head = Encoder::new();
        head.serde(&batch.messages).map_err(other)?;
        let head = head.finish("");
        let parcels: Vec<Parcel> =
            batch.attachments.iter().map(Value::to_parcel).collect::<Result<_, _>>().map_err(other)?;
        let mut table = Encoder::new();
        if !parcels.is_empty() {
            let forms: Vec<Form> = parcels
                .iter()
                .map(|parcel| {
                    let buffers = parcel.buffers().iter().map(|buffer| buffer.as_slice().len() as u64).collect();
                    (parcel.type_name().to_owned(), parcel.bytes().len() as u64, buffers)
                })
                .collect();
            table.serde(&forms).map_err(other)?;
        }
        let table = table.finish("");
        self.push(&(head.bytes().len() as u32).to_le_bytes());
        self.push(&(table.bytes().len() as u32).to_le_bytes());
        self.push(head.bytes());
        self.push(table.bytes());
        for parcel in &parcels {
            if parcel.bytes().len() <= COPY_MAX {
                self.push(parcel.bytes());
            } else {
                self.share(&parcel.bytes_buffer());
            }
            parcel.buffers().iter().for_each(|buffer| self.share(buffer));
        }
        Ok(())
    }

    /// Appends the farewell: the connection ends in order.
    pub fn farewell(&mut self) {
        self.push(&0u32.to_le_bytes());
        self.push(&FAREWELL.to_le_bytes());
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// What the system says; a peer that takes nothing for `stall`.
    pub async fn write<W: AsyncWrite + Unpin>(self, to: &mut W, stall: Duration) -> std::io::Result<()> {
        let mut slices: Vec<IoSlice<'_>> = self.pieces.iter().map(|piece| IoSlice::new(piece.as_slice())).collect();
        let mut left = &mut slices[..];
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            let write = tokio::time::timeout(stall, to.write_vectored(left));
            match write.await.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))?? {
                0 => return Err(std::io::ErrorKind::WriteZero.into()),
                n => IoSlice::advance_slices(&mut left, n),
            }
        }
        to.flush().await
    }
}

/// Reads the next batch; none after the farewell.
///
/// # Errors
/// A cut, a limit, malformed bytes.
pub async fn read<M: DeserializeOwned, R: AsyncRead + Unpin>(
    from: &mut R,
    settings: &CommSettings,
    address: &str,
) -> Result<Option<Batch<M>>, DistError> {
    let cut = |error: std::io::Error| {
        let why = match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "the other side closed it without a farewell".to_owned(),
            _ => error.to_string(),
        };
        DistError::Cut { address: address.to_owned(), why }
    };
    let mut lengths = [0; 8];
    // Silence between frames is no fault; whoever must be heard of sends heartbeats.
    from.read_exact(&mut lengths[..1]).await.map_err(cut)?;
    let rest = async {
        from.read_exact(&mut lengths[1..]).await.map_err(cut)?;
        let word = |at: usize| u32::from_le_bytes([lengths[at], lengths[at + 1], lengths[at + 2], lengths[at + 3]]);
        let (head_len, table_len) = (word(0), word(4));
        if (head_len, table_len) == (0, FAREWELL) {
            return Ok(None);
        }
        let limit = settings.head_bytes_max;
        if limit < head_len.max(table_len) {
            let found = u64::from(head_len.max(table_len));
            return Err(DistError::Limit {
                address: address.to_owned(),
                what: "a message",
                found,
                limit: limit.into(),
            });
        }
        let head = read_bytes(from, u64::from(head_len), settings.stall_timeout).await.map_err(cut)?;
        let table = read_bytes(from, u64::from(table_len), settings.stall_timeout).await.map_err(cut)?;
        let messages: Vec<M> = decode(head, address)?;
        let forms: Vec<Form> = if table_len == 0 { Vec::new() } else { decode(table, address)? };
        let mut attachments = Vec::with_capacity(forms.len());
        for (type_name, n_bytes, buffers) in forms {
            let all = buffers.iter().fold(n_bytes, |all, &n| all.saturating_add(n));
            let limit = settings.attachment_bytes_max;
            if limit < all {
                return Err(DistError::Limit { address: address.to_owned(), what: "an attachment", found: all, limit });
            }
            let bytes = read_bytes(from, n_bytes, settings.stall_timeout).await.map_err(cut)?;
            let mut read = Vec::with_capacity(buffers.len());
            for n in buffers {
                read.push(Buffer::new(read_bytes(from, n, settings.stall_timeout).await.map_err(cut)?));
            }
            attachments.push(Value::encoded(Parcel::from_parts(type_name, bytes, read)));
        }
        Ok(Some(Batch { messages, attachments }))
    };
    rest.await
}

/// Exactly `n` bytes, in memory that grows as they arrive.
async fn read_bytes<R: AsyncRead + Unpin>(from: &mut R, n: u64, stall: Duration) -> std::io::Result<Vec<u8>> {
    let n = usize::try_from(n).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
    let mut bytes = Vec::with_capacity(n.min(STEP));
    while bytes.len() < n {
        if bytes.len() == bytes.capacity() {
            // Twice what has arrived: each byte is moved once on average, if at all (large blocks are remapped).
            bytes.reserve_exact(bytes.len().min(n - bytes.len()));
        }
        let room = (bytes.capacity() - bytes.len()).min(n - bytes.len());
        let mut into = (&mut bytes).limit(room);
        let read = tokio::time::timeout(stall, from.read_buf(&mut into));
        if read.await.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))?? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(bytes)
}

fn decode<T: DeserializeOwned>(bytes: Vec<u8>, address: &str) -> Result<T, DistError> {
    let parcel = Parcel::from_parts("", bytes, Vec::new());
    let mut input = Decoder::new(&parcel);
    let malformed = |error: dask_core::wire::WireError| DistError::Malformed {
        address: address.to_owned(),
        why: error.to_string(),
    };
    let value = input.serde().map_err(malformed)?;
    input.end().map_err(malformed)?;
    Ok(value)
}
