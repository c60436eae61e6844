//! Batches becoming frames: small bytes together, bulk where it is.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::pin::Pin;
use std::time::Duration;

use dask_core::Value;
use dask_core::wire::{Buffer, Encoder, Parcel, WireError};
use serde::Serialize;
use smallvec::SmallVec;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::frame::{FAREWELL, Form};
use crate::protocol::Batch;

/// Buffers up to this size are copied beside the rest rather than written from where they are.
const COPY_MAX: usize = 4096;
/// Bytes of the two lengths at the beginning of a frame.
const LENGTHS: usize = 8;
/// Pieces handed to the system in one call.
const PIECES: usize = 64;

/// Bytes ready to be written, in order.
#[derive(Default)]
pub struct Outgoing {
    pieces: VecDeque<Piece>,
    /// Of the first piece, this much is written.
    done: usize,
    /// What is not written.
    nbytes: u64,
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

fn form(parcel: &Parcel) -> Form {
    let form = |buffer: &Buffer| (buffer.as_slice().len() as u64, u8::try_from(buffer.align()).unwrap_or_default());
    let buffers = parcel.buffers().iter().map(form).collect();
    (parcel.type_name().to_owned(), parcel.bytes().len() as u64, buffers)
}

fn length(n: usize) -> Result<[u8; 4], WireError> {
    match u32::try_from(n) {
        Ok(length) if length < FAREWELL => Ok(length.to_le_bytes()),
        _ => Err(WireError::Codec(format!("{n} bytes of messages are more than a frame takes"))),
    }
}

impl Outgoing {
    /// A batch as a frame.
    ///
    /// # Errors
    /// A value that cannot travel; messages that are too long for a frame.
    pub fn frame<M: Serialize>(batch: &Batch<M>) -> Result<Self, WireError> {
        let parcels: Vec<Parcel> = batch.attachments.iter().map(Value::to_parcel).collect::<Result<_, _>>()?;
        let mut start = Encoder::new();
        start.raw(&[0; LENGTHS]);
        start.serde(&batch.messages)?;
        let mut start = start.into_bytes();
        let head_len = start.len() - LENGTHS;
        if !parcels.is_empty() {
            let forms: Vec<Form> = parcels.iter().map(form).collect();
            let mut table = Encoder::new();
            table.serde(&forms)?;
            start.append(&mut table.into_bytes());
        }
        let table_len = start.len() - LENGTHS - head_len;
        start[..4].copy_from_slice(&length(head_len)?);
        start[4..LENGTHS].copy_from_slice(&length(table_len)?);
        let mut outgoing = Self::default();
        outgoing.push(start);
        for parcel in &parcels {
            outgoing.share(parcel.bytes(), || parcel.bytes_buffer());
            parcel.buffers().iter().for_each(|buffer| outgoing.share(buffer.as_slice(), || buffer.clone()));
        }
        Ok(outgoing)
    }

    /// The farewell: the connection ends in order.
    pub fn farewell() -> Self {
        let mut outgoing = Self::default();
        outgoing.push([0_u32.to_le_bytes(), FAREWELL.to_le_bytes()].concat());
        outgoing
    }

    fn push(&mut self, bytes: Vec<u8>) {
        self.nbytes += bytes.len() as u64;
        match self.pieces.back_mut() {
            Some(Piece::Own(own)) => own.extend_from_slice(&bytes),
            _ => self.pieces.push_back(Piece::Own(bytes)),
        }
    }

    fn share(&mut self, bytes: &[u8], shared: impl FnOnce() -> Buffer) {
        self.nbytes += bytes.len() as u64;
        if COPY_MAX < bytes.len() {
            return self.pieces.push_back(Piece::Shared(shared()));
        }
        match self.pieces.back_mut() {
            Some(Piece::Own(own)) => own.extend_from_slice(bytes),
            _ => self.pieces.push_back(Piece::Own(bytes.to_vec())),
        }
    }

    /// All bytes that are not written, together.
    pub fn nbytes(&self) -> u64 {
        self.nbytes
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Appends what comes after this.
    pub fn append(&mut self, mut after: Self) {
        if self.is_empty() {
            *self = after;
            return;
        }
        after.cut_first();
        for piece in after.pieces {
            match piece {
                Piece::Own(bytes) => self.push(bytes),
                Piece::Shared(buffer) => {
                    self.nbytes += buffer.as_slice().len() as u64;
                    self.pieces.push_back(Piece::Shared(buffer));
                }
            }
        }
    }

    /// The first piece becomes what is left of it.
    fn cut_first(&mut self) {
        if let (Some(first), 1..) = (self.pieces.front_mut(), self.done) {
            *first = Piece::Own(first.as_slice()[self.done..].to_vec());
            self.done = 0;
        }
    }

    /// What comes next, for one call of the system.
    pub fn slices<R>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        let mut slices: SmallVec<[IoSlice<'_>; PIECES]> =
            self.pieces.iter().take(PIECES).map(|piece| IoSlice::new(piece.as_slice())).collect();
        if let (Some(slice), Some(first)) = (slices.first_mut(), self.pieces.front()) {
            *slice = IoSlice::new(&first.as_slice()[self.done..]);
        }
        write(&slices)
    }

    /// The system has taken so many bytes. Memory is given back piece by piece.
    pub fn advance(&mut self, n: usize) {
        self.nbytes -= n as u64;
        self.done += n;
        while let Some(first) = self.pieces.front()
            && first.as_slice().len() <= self.done
        {
            self.done -= first.as_slice().len();
            self.pieces.pop_front();
        }
    }

    /// Writes all of it, and tells `written` how many bytes the system took each time.
    ///
    /// # Errors
    /// What the system says; `TimedOut` for a peer that takes nothing for `stall`.
    pub async fn write<W: AsyncWrite + Unpin>(
        mut self,
        to: &mut W,
        stall: Duration,
        mut written: impl FnMut(u64),
    ) -> std::io::Result<()> {
        // Pieces without bytes go first.
        self.advance(0);
        while !self.pieces.is_empty() {
            let next = std::future::poll_fn(|context| {
                self.slices(|slices| Pin::new(&mut *to).poll_write_vectored(context, slices))
            });
            let n = match tokio::time::timeout(stall, next).await {
                Ok(Ok(0)) => return Err(std::io::ErrorKind::WriteZero.into()),
                Ok(n) => n?,
                Err(_) => return Err(std::io::ErrorKind::TimedOut.into()),
            };
            written(n as u64);
            self.advance(n);
        }
        to.flush().await
    }
}
