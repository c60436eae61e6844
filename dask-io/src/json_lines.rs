//! A JSON value a line.

use std::marker::PhantomData;
use std::sync::Arc;

use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{Items, PartitionSource, TaskError, Want};
use serde::{Deserialize, Serialize};

use crate::error::IoError;
use crate::store::expand;
use crate::text::{Block, Lines, blocks, place};

/// What happens to a line that is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnError {
    /// Reading fails, with file and line.
    Raise,
    /// The line is passed over.
    Skip,
}

/// Files with a JSON value a line, read as JSON texts (one string a value, checked) by [`JsonLinesSource`], or as any
/// type by [`parse`](JsonLinesSource::parse).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JsonLinesSource {
    blocks: Vec<Block>,
    on_error: OnError,
}

impl JsonLinesSource {
    /// The files that a pattern names, cut into blocks of about `blocksize` bytes, or one block a file.
    ///
    /// # Errors
    /// As [`expand`].
    pub fn open(pattern: &str, blocksize: Option<u64>, on_error: OnError) -> Result<Self, IoError> {
        Ok(Self { blocks: blocks(&expand(pattern)?, blocksize), on_error })
    }

    /// The values of a partition, read as `T`. Empty lines are passed over.
    ///
    /// # Errors
    /// [`IoError::File`]; items fail with [`IoError::Json`].
    pub fn parse<T: serde::de::DeserializeOwned + Send + 'static>(
        &self,
        partition: usize,
    ) -> Result<Items<T>, TaskError> {
        let lines = Lines::open(&self.blocks[partition])?;
        let block = self.blocks[partition].clone();
        Ok(Box::new(Values { lines, block, on_error: self.on_error, _type: PhantomData }))
    }
}

struct Values<T> {
    lines: Lines,
    block: Block,
    on_error: OnError,
    _type: PhantomData<fn() -> T>,
}

impl<T: serde::de::DeserializeOwned> Iterator for Values<T> {
    type Item = Result<T, TaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (begins, text) = match self.lines.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => return None,
                Err(error) => return Some(Err(error.into())),
            };
            if text.trim().is_empty() {
                continue;
            }
            match serde_json::from_str(text) {
                Ok(value) => return Some(Ok(value)),
                Err(_) if self.on_error == OnError::Skip => {}
                Err(source) => {
                    let at = place(&self.block, begins);
                    let text = text.chars().take(80).collect();
                    return Some(Err(IoError::Json { at, source, text }.into()));
                }
            }
        }
    }
}

impl Portable for JsonLinesSource {
    fn wire_name(&self) -> &'static str {
        "io.json_lines"
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(self)
    }
}

dask_core::register!("io.json_lines", |input| {
    let source: JsonLinesSource = input.serde()?;
    let source: Arc<dyn PartitionSource<Item = String, Meta = ()>> = Arc::new(source);
    Ok(Box::new(source))
});

impl PartitionSource for JsonLinesSource {
    type Item = String;
    type Meta = ();

    fn n_partitions(&self) -> usize {
        self.blocks.len()
    }

    fn meta(&self) -> &() {
        &()
    }

    fn read(&self, partition: usize, _want: &Want) -> Result<Items<String>, TaskError> {
        let values = self.parse::<serde_json::Value>(partition)?;
        Ok(Box::new(values.map(|value| value.map(|value| value.to_string()))))
    }

    fn identity(&self) -> String {
        format!("{:?} {:?}", self.blocks, self.on_error)
    }
}
