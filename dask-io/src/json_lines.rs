//! A JSON value a line.

use std::marker::PhantomData;
use std::sync::Arc;

use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{Items, PartitionSource, TaskError, Want};
use serde::{Deserialize, Serialize};

use crate::error::IoError;
use crate::store::expand;
use crate::text::{Block, Lines, blocks, lines_before};

/// What happens to a line that is no JSON.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("a.json");
/// # let path = path.to_str().ok_or("not UTF-8")?;
/// use dask_io::json_lines::{JsonLinesSource, OnError};
/// std::fs::write(path, "1\ntwo\n3\n")?;
/// let sum = |on_error| JsonLinesSource::open(path, None, on_error)?.parse::<i64>(0)?.sum::<Result<i64, _>>();
/// assert_eq!(sum(OnError::Skip)?, 4);
/// assert!(sum(OnError::Raise).unwrap_err().to_string().contains("a.json:2"));
/// # Ok::<(), dask_core::TaskError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnError {
    /// Reading fails, with file and line.
    Raise,
    /// The line is passed over.
    Skip,
}

/// Files with a JSON value a line, read as JSON texts (one string a value, checked, as it stands in the file) by
/// [`JsonLinesSource`], or as any type by [`parse`](JsonLinesSource::parse).
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("a.json");
/// # let path = path.to_str().ok_or("not UTF-8")?;
/// use dask_core::{PartitionSource, Want};
/// use dask_io::json_lines::{JsonLinesSource, OnError};
/// std::fs::write(path, "{\"n\": 1}\n[2]\n")?;
/// let source = JsonLinesSource::open(path, None, OnError::Raise)?;
/// let texts = source.read(0, &Want::default())?.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(texts, ["{\"n\": 1}", "[2]"]);
/// # Ok::<(), dask_core::TaskError>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JsonLinesSource {
    blocks: Vec<Block>,
    on_error: OnError,
}

impl JsonLinesSource {
    /// The files that a pattern names, cut into blocks of about `blocksize` bytes, or one block a file.
    ///
    /// ```
    /// use dask_io::json_lines::{JsonLinesSource, OnError};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("a.json");
    /// let path = path.to_str().ok_or("not UTF-8")?;
    /// std::fs::write(path, "1\nno number\n3\n")?;
    /// let source = JsonLinesSource::open(path, None, OnError::Skip)?;
    /// let numbers = source.parse::<i64>(0)?.collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(numbers, [1, 3]);
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    ///
    /// # Errors
    /// As [`expand`].
    pub fn open(pattern: &str, blocksize: Option<u64>, on_error: OnError) -> Result<Self, IoError> {
        Ok(Self { blocks: blocks(&expand(pattern)?, blocksize), on_error })
    }

    /// The values of a partition, read as `T`. Empty lines are passed over.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("a.json");
    /// # let path = path.to_str().ok_or("not UTF-8")?;
    /// use dask_io::json_lines::{JsonLinesSource, OnError};
    /// #[derive(serde::Deserialize)]
    /// struct Person {
    ///     age: u32,
    /// }
    /// std::fs::write(path, "{\"age\": 36}\n\n{\"age\": 41}\n")?;
    /// let people = JsonLinesSource::open(path, None, OnError::Raise)?.parse::<Person>(0)?;
    /// assert_eq!(people.map(|person| Ok(person?.age)).collect::<Result<Vec<_>, dask_core::TaskError>>()?, [36, 41]);
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    ///
    /// # Errors
    /// [`IoError::File`]; items fail with [`IoError::Json`].
    pub fn parse<T: serde::de::DeserializeOwned + Send + 'static>(
        &self,
        partition: usize,
    ) -> Result<Items<T>, TaskError> {
        let on_error = self.on_error;
        Ok(Box::new(self.values(partition)?.filter_map(move |line| match line {
            Ok(Ok(value)) => Some(Ok(value)),
            Ok(Err(_)) if on_error == OnError::Skip => None,
            Ok(Err(Bad { at, text, source })) => {
                let text = text.chars().take(80).collect();
                Some(Err(IoError::Json { at, source, text }.into()))
            }
            Err(error) => Some(Err(error)),
        })))
    }

    /// The values of a partition, read as `T`, and the lines that are none, in their order.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("a.json");
    /// # let path = path.to_str().ok_or("not UTF-8")?;
    /// use dask_io::json_lines::{JsonLinesSource, OnError};
    /// std::fs::write(path, "1\ntwo\n3\n")?;
    /// let source = JsonLinesSource::open(path, None, OnError::Raise)?;
    /// let lines = source.parse_or_collect::<i64>(0)?.collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!((lines[0].as_ref(), lines[2].as_ref()), (Ok(&1), Ok(&3)));
    /// assert_eq!(lines[1].as_ref().unwrap_err().text, "two");
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    ///
    /// # Errors
    /// [`IoError::File`].
    pub fn parse_or_collect<T: serde::de::DeserializeOwned + Send + 'static>(
        &self,
        partition: usize,
    ) -> Result<Items<Result<T, BadLine>>, TaskError> {
        let values = self.values(partition)?;
        let bad = |Bad { at, text, source }| BadLine { at, text, why: source.to_string() };
        Ok(Box::new(values.map(move |line| line.map(|value| value.map_err(bad)))))
    }

    fn values<T>(&self, partition: usize) -> Result<Values<T>, IoError> {
        let block = self.blocks[partition].clone();
        let lines = Lines::open(&block)?;
        Ok(Values { lines, block, n_read: 0, first: 0, n_before: None, _type: PhantomData })
    }
}

/// A line that is no JSON, or not of the type that was asked for.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("a.json");
/// # let path = path.to_str().ok_or("not UTF-8")?;
/// use dask_io::json_lines::{JsonLinesSource, OnError};
/// std::fs::write(path, "1\n\"two\"\n")?;
/// let source = JsonLinesSource::open(path, None, OnError::Raise)?;
/// let bad = source.parse_or_collect::<i64>(0)?.find_map(|line| line.ok()?.err()).ok_or("all are fine")?;
/// assert_eq!((bad.at, bad.text.as_str()), (format!("{path}:2"), "\"two\""));
/// assert!(bad.why.starts_with("invalid type: string"));
/// # Ok::<(), dask_core::TaskError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadLine {
    /// File and line.
    pub at: String,
    /// The line.
    pub text: String,
    /// What the parser said.
    pub why: String,
}
dask_core::data!(BadLine, |line| line.at.capacity() + line.text.capacity() + line.why.capacity());

struct Values<T> {
    lines: Lines,
    block: Block,
    /// Lines of the block that were read.
    n_read: u64,
    /// Where the first of them begins, and how many stand before it; looked for when it is asked for.
    first: u64,
    n_before: Option<u64>,
    _type: PhantomData<fn() -> T>,
}

impl<T> Values<T> {
    /// File and number of the line that was read last.
    fn at(&mut self) -> String {
        let path = self.block.file.path.display();
        let first = self.first;
        if self.n_before.is_none() {
            self.n_before = lines_before(&self.block, first).ok();
        }
        match self.n_before {
            Some(n) => format!("{path}:{}", n + self.n_read),
            None => format!("{path}: line {} from byte {first} on", self.n_read),
        }
    }
}

/// A line that does not parse.
struct Bad {
    at: String,
    text: String,
    source: serde_json::Error,
}

impl<T: serde::de::DeserializeOwned> Iterator for Values<T> {
    type Item = Result<Result<T, Bad>, TaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (begins, text) = match self.lines.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => return None,
                Err(error) => return Some(Err(error.into())),
            };
            if self.n_read == 0 {
                self.first = begins;
            }
            self.n_read += 1;
            if text.trim().is_empty() {
                continue;
            }
            return Some(Ok(match serde_json::from_str(text) {
                Ok(value) => Ok(value),
                Err(source) => {
                    let text = text.to_owned();
                    Err(Bad { at: self.at(), text, source })
                }
            }));
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
        // Not a `Value`, which rounds long numbers and sorts keys.
        let values = self.parse::<Box<serde_json::value::RawValue>>(partition)?;
        Ok(Box::new(values.map(|value| value.map(|value| Box::<str>::from(value).into()))))
    }

    fn identity(&self) -> String {
        format!("{:?} {:?}", self.blocks, self.on_error)
    }
}
