//! Frames becoming batches again, with every length doubted.

use std::time::Duration;

use bytes::BufMut;
use dask_core::Value;
use dask_core::wire::{Block, Buffer, Decoder, Parcel};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use super::aligned::Aligned;
use super::limits::{CommSettings, PROGRESS, STEP};
use crate::error::DistError;
use crate::protocol::Batch;

/// In place of the table's length: the sender has nothing more to say.
pub(super) const FAREWELL: u32 = u32::MAX;
/// What is read ahead; messages up to this size are decoded from where they arrived.
const AHEAD: usize = 64 << 10;

/// What an attachment consists of: its type, bytes in line, and of each buffer its bytes and its alignment.
pub(super) type Form = (String, u64, Vec<(u64, u8)>);

/// A batch, and how many bytes it was.
pub type Frame<M> = (Batch<M>, u64);

/// Reads frames. Not to be dropped in the middle of one, if more are to be read.
pub struct FrameReader<R> {
    from: R,
    /// Bytes read ahead: those from `at` on are not used yet.
    ahead: Vec<u8>,
    at: usize,
    address: String,
    settings: CommSettings,
    patience: Patience,
}

/// A frame that has begun must go on.
struct Patience {
    stall: Duration,
    /// None between frames: silence there is no fault; whoever must be heard of sends heartbeats.
    until: Option<Instant>,
    arrived: u64,
}

impl Patience {
    fn begin(&mut self) {
        (self.until, self.arrived) = (Some(Instant::now() + self.stall), 0);
    }

    fn end(&mut self) {
        self.until = None;
    }

    async fn read<B: BufMut, R: AsyncRead + Unpin>(&mut self, from: &mut R, into: &mut B) -> std::io::Result<usize> {
        let n = match self.until {
            None => from.read_buf(into).await?,
            Some(until) => match tokio::time::timeout_at(until, from.read_buf(into)).await {
                Ok(n) => n?,
                Err(_) => return Err(std::io::ErrorKind::TimedOut.into()),
            },
        };
        if n == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.arrived += n as u64;
        if self.until.is_some() && PROGRESS <= self.arrived {
            self.begin();
        }
        Ok(n)
    }
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads frames from `from`, whom errors call `address`.
    pub fn new(from: R, settings: CommSettings, address: String) -> Self {
        let patience = Patience { stall: settings.stall_timeout, until: None, arrived: 0 };
        Self { from, ahead: Vec::with_capacity(AHEAD), at: 0, address, settings, patience }
    }

    /// The next batch; none after the farewell.
    ///
    /// # Errors
    /// A cut, a stall, a limit, malformed bytes. The connection is of no use after that.
    pub async fn next<M: DeserializeOwned>(&mut self) -> Result<Option<Frame<M>>, DistError> {
        self.gather(1).await?;
        self.patience.begin();
        let frame = self.frame().await;
        self.patience.end();
        frame
    }

    async fn frame<M: DeserializeOwned>(&mut self) -> Result<Option<Frame<M>>, DistError> {
        let (head_len, table_len) = (self.word().await?, self.word().await?);
        if (head_len, table_len) == (0, FAREWELL) {
            return Ok(None);
        }
        let longest = head_len.max(table_len);
        self.limit("a frame's messages", longest.into(), self.settings.head_bytes_max.into())?;
        let most = self.settings.messages_max;
        let messages: Vec<M> = self.decoded(head_len, "a frame's number of messages", most).await?;
        let most = self.settings.parts_max.into();
        let forms: Vec<Form> = match table_len {
            0 => Vec::new(),
            n => self.decoded(n, "a frame's number of attachments or buffers", most).await?,
        };
        let n_buffers: usize = forms.iter().map(|(_, _, buffers)| buffers.len()).sum();
        let n_parts = forms.len().max(n_buffers) as u64;
        self.limit("a frame's number of attachments or buffers", n_parts, self.settings.parts_max.into())?;
        let bulk = forms
            .iter()
            .flat_map(|(_, n, buffers)| buffers.iter().map(|(n, _)| n).chain([n]))
            .fold(0, |all: u64, &n| all.saturating_add(n));
        self.limit("a frame's attachments in bytes", bulk, self.settings.attachment_bytes_max)?;
        let mut attachments = Vec::with_capacity(forms.len());
        for (type_name, n_bytes, forms) in forms {
            let bytes = self.unaligned(n_bytes).await?;
            let mut buffers = Vec::with_capacity(forms.len());
            for (n, align) in forms {
                buffers.push(self.buffer(n, align.into()).await?);
            }
            attachments.push(Value::encoded(Parcel::from_parts(type_name, bytes, buffers)));
        }
        let nbytes = 8 + u64::from(head_len) + u64::from(table_len) + bulk;
        Ok(Some((Batch { messages, attachments }, nbytes)))
    }

    fn limit(&self, what: &'static str, found: u64, limit: u64) -> Result<(), DistError> {
        if found <= limit {
            return Ok(());
        }
        Err(DistError::Limit { address: self.address.clone(), what, found, limit })
    }

    fn failed(&self, error: &std::io::Error) -> DistError {
        let address = self.address.clone();
        match error.kind() {
            std::io::ErrorKind::TimedOut if self.patience.until.is_some() => {
                DistError::Timeout { address, what: "a frame it had begun", after: self.settings.stall_timeout }
            }
            std::io::ErrorKind::UnexpectedEof => {
                DistError::Cut { address, why: "the other side closed it without a farewell".to_owned() }
            }
            _ => DistError::Cut { address, why: error.to_string() },
        }
    }

    fn left(&self) -> &[u8] {
        &self.ahead[self.at..]
    }

    /// Makes sure that `n` bytes, at most [`AHEAD`], are there.
    async fn gather(&mut self, n: usize) -> Result<(), DistError> {
        debug_assert!(n <= AHEAD, "only small things are gathered");
        if self.at == self.ahead.len() {
            self.ahead.clear();
            self.at = 0;
        } else if AHEAD < self.at + n {
            self.ahead.drain(..self.at);
            self.at = 0;
        }
        while self.left().len() < n {
            let room = AHEAD - self.ahead.len();
            let read = self.patience.read(&mut self.from, &mut (&mut self.ahead).limit(room)).await;
            read.map_err(|error| self.failed(&error))?;
        }
        Ok(())
    }

    async fn word(&mut self) -> Result<u32, DistError> {
        self.gather(4).await?;
        let mut word = [0; 4];
        word.copy_from_slice(&self.left()[..4]);
        self.at += 4;
        Ok(u32::from_le_bytes(word))
    }

    /// Reads and decodes a list of `n` bytes, that has at most so many elements.
    async fn decoded<T: DeserializeOwned>(
        &mut self,
        n: u32,
        what: &'static str,
        most: u64,
    ) -> Result<Vec<T>, DistError> {
        let n = n as usize;
        if AHEAD < n {
            let bytes = self.unaligned(n as u64).await?;
            self.limit(what, first_length(&bytes), most)?;
            return decode(&bytes, &self.address);
        }
        self.gather(n).await?;
        self.at += n;
        let bytes = &self.ahead[self.at - n..self.at];
        self.limit(what, first_length(bytes), most)?;
        decode(bytes, &self.address)
    }

    /// The part of the next `n` bytes that was read ahead.
    fn taken(&mut self, n: usize) -> &[u8] {
        let n = n.min(self.ahead.len() - self.at);
        self.at += n;
        &self.ahead[self.at - n..self.at]
    }

    async fn unaligned(&mut self, n: u64) -> Result<Vec<u8>, DistError> {
        let n = self.addressable(n)?;
        let mut bytes = Vec::with_capacity(n.min(STEP));
        bytes.extend_from_slice(self.taken(n));
        while bytes.len() < n {
            if bytes.len() == bytes.capacity() {
                bytes.reserve_exact(bytes.len().min(n - bytes.len()));
            }
            let room = (bytes.capacity() - bytes.len()).min(n - bytes.len());
            let read = self.patience.read(&mut self.from, &mut (&mut bytes).limit(room)).await;
            read.map_err(|error| self.failed(&error))?;
        }
        Ok(bytes)
    }

    /// A buffer in memory that can become what its reader wants.
    async fn buffer(&mut self, n: u64, align: usize) -> Result<Buffer, DistError> {
        let n = self.addressable(n)?;
        match if n <= STEP { Block::zeroed(n, align) } else { None } {
            Some(block) => self.block(block).await,
            None => self.aligned(n).await.map(Buffer::new),
        }
    }

    async fn block(&mut self, mut block: Block) -> Result<Buffer, DistError> {
        let bytes = block.as_mut_slice();
        let ahead = self.taken(bytes.len());
        let (first, mut rest) = bytes.split_at_mut(ahead.len());
        first.copy_from_slice(ahead);
        while !rest.is_empty() {
            // What is written to moves the slice on.
            let read = self.patience.read(&mut self.from, &mut rest).await;
            read.map_err(|error| self.failed(&error))?;
        }
        Ok(block.into())
    }

    async fn aligned(&mut self, n: usize) -> Result<Aligned, DistError> {
        let mut bytes = Aligned::with_capacity(n.min(STEP));
        bytes.extend(self.taken(n));
        while bytes.len() < n {
            if bytes.len() == bytes.capacity() {
                bytes.reserve(bytes.len().min(n - bytes.len()));
            }
            let room = (bytes.capacity() - bytes.len()).min(n - bytes.len());
            let read = self.patience.read(&mut self.from, &mut bytes.spare(room)).await;
            read.map_err(|error| self.failed(&error))?;
        }
        Ok(bytes)
    }

    fn addressable(&self, n: u64) -> Result<usize, DistError> {
        usize::try_from(n).map_err(|_| DistError::Limit {
            address: self.address.clone(),
            what: "an attachment",
            found: n,
            limit: usize::MAX as u64,
        })
    }
}

/// How long an encoded list says it is, before anything of it is decoded; 0 if it does not say.
fn first_length(bytes: &[u8]) -> u64 {
    let whole =
        |n: usize| bytes.get(1..=n).map(|number| number.iter().rev().fold(0, |all, &b| all << 8 | u64::from(b)));
    match bytes.first() {
        Some(&small) if small < 251 => small.into(),
        Some(251) => whole(2).unwrap_or(0),
        Some(252) => whole(4).unwrap_or(0),
        Some(253) => whole(8).unwrap_or(0),
        _ => 0,
    }
}

/// Decodes a value that takes all of `bytes`.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8], address: &str) -> Result<T, DistError> {
    let mut input = Decoder::of_bytes(bytes);
    let malformed = |error: dask_core::wire::WireError| DistError::Malformed {
        address: address.to_owned(),
        why: error.to_string(),
    };
    let value = input.serde().map_err(malformed)?;
    input.end().map_err(malformed)?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dask_core::wire::Encoder;

    #[test]
    fn the_length_of_a_list_is_read_before_it_is_decoded() {
        for n in [0, 1, 250, 251, 252, 65_535, 65_536, 70_000] {
            let mut out = Encoder::new();
            out.serde(&vec![7u8; n]).unwrap();
            assert_eq!(first_length(&out.into_bytes()), n as u64);
        }
        let mut forged = vec![253];
        forged.extend((1u64 << 60).to_le_bytes());
        assert_eq!(first_length(&forged), 1 << 60);
        assert_eq!((first_length(&[]), first_length(&[252, 1]), first_length(&[254])), (0, 0, 0));
    }
}
