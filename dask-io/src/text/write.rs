//! Lines into files, one a partition.

use std::io::{BufWriter, Write};
use std::sync::Arc;

use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{Items, PartitionSink, Receipt, TaskError};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::error::IoError;
use crate::store::PartFolder;

/// Bytes that are gathered before they are written or compressed.
const BUFFER: usize = 1 << 18;

/// Files of lines, one a partition, compressed where the name ends in `.gz`.
///
/// Parts are written under temporary names and renamed when all are written; files of an earlier result with the same
/// pattern and a higher number are removed then. A text with a line break in it is read back as two.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
/// use dask_core::PartitionSink;
/// use dask_io::text::TextSink;
/// let sink = TextSink::create(&at("*.txt"))?;
/// let receipt = sink.write(0, Box::new([Ok("one".to_owned()), Ok("two".to_owned())].into_iter()))?;
/// assert_eq!(receipt.n_items, 2);
/// sink.commit(&[receipt])?;
/// assert_eq!(std::fs::read_to_string(at("000000.txt"))?, "one\ntwo\n");
/// # Ok::<(), dask_core::TaskError>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TextSink {
    parts: PartFolder,
}

impl TextSink {
    /// Files that a pattern names: the number of the partition, six digits, stands for its `*`. Nothing is touched before
    /// the first part is written.
    ///
    /// # Errors
    /// [`IoError::BadPattern`] unless there is one `*`, in the file name.
    ///
    /// ```
    /// use dask_io::text::TextSink;
    /// assert!(TextSink::create("out/*.txt.gz").is_ok());
    /// assert!(TextSink::create("out/all.txt").is_err());
    /// ```
    pub fn create(pattern: &str) -> Result<Self, IoError> {
        Ok(Self { parts: PartFolder::named(pattern)? })
    }
}

impl TextSink {
    fn part(&self, partition: usize, items: Items<String>) -> Result<Receipt, TaskError> {
        let path = self.parts.path_of(partition);
        let file = self.parts.create(partition)?;
        let failed = || IoError::file(&path);
        let (file, n_items) = if self.parts.suffix().ends_with(".gz") {
            let mut out = BufWriter::with_capacity(BUFFER, GzEncoder::new(file, Compression::default()));
            let n_items = lines(items, &mut out, failed)?;
            let encoder = out.into_inner().map_err(|error| failed()(error.into_error()))?;
            (encoder.finish().map_err(failed())?, n_items)
        } else {
            let mut out = BufWriter::with_capacity(BUFFER, file);
            let n_items = lines(items, &mut out, failed)?;
            (out.into_inner().map_err(|error| failed()(error.into_error()))?, n_items)
        };
        self.parts.park(partition, file, n_items)
    }
}

impl PartitionSink for TextSink {
    type Item = String;

    fn write(&self, partition: usize, items: Items<String>) -> Result<Receipt, TaskError> {
        self.part(partition, items).inspect_err(|_| self.parts.clear())
    }

    fn commit(&self, receipts: &[Receipt]) -> Result<(), TaskError> {
        Ok(self.parts.commit(receipts)?)
    }
}

fn lines<E: FnOnce(std::io::Error) -> IoError>(
    items: Items<String>,
    out: &mut impl Write,
    failed: impl Fn() -> E,
) -> Result<u64, TaskError> {
    let mut n_items = 0;
    for item in items {
        let text = item?;
        out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).map_err(failed())?;
        n_items += 1;
    }
    Ok(n_items)
}

impl Portable for TextSink {
    fn wire_name(&self) -> &'static str {
        "io.text.write"
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(self)
    }
}

dask_core::register!("io.text.write", |input| {
    let sink: TextSink = input.serde()?;
    let sink: Arc<dyn PartitionSink<Item = String>> = Arc::new(sink);
    Ok(Box::new(sink))
});
