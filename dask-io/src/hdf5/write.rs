//! Writing a dataset region by region, into a file that appears when it is finished.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{ChunkSink, Receipt, Region, TaskError};
use hdf5::{File, FileBuilder};
use serde::{Deserialize, Serialize};

use super::read::{Native, hyperslab};
use crate::error::IoError;
use crate::store::{Staging, commit};

/// One region at a time: the first that is written makes the file.
static WRITING: Mutex<()> = Mutex::new(());

/// Stands beside a file of which a region could not be written.
const FAILED: &str = "failed";

/// A new HDF5 file with one dataset.
///
/// All regions go into one file under a temporary name, so they must be written by one process.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("a.h5");
/// # let path = path.to_str().ok_or("not UTF-8")?;
/// use dask_core::{ChunkSink, ChunkSource, Region};
/// use dask_io::hdf5::{DatasetSink, DatasetSource};
/// let sink = DatasetSink::<i64>::create(path, "/numbers", &[3], &[2])?;
/// let first = sink.write(&Region { start: vec![0], shape: vec![2] }, &[1, 2])?;
/// let last = sink.write(&Region { start: vec![2], shape: vec![1] }, &[3])?;
/// sink.commit(&[first, last])?;
/// let mut numbers = [0; 3];
/// DatasetSource::<i64>::open(path, "/numbers")?.read(&Region { start: vec![0], shape: vec![3] }, &mut numbers)?;
/// assert_eq!(numbers, [1, 2, 3]);
/// # Ok::<(), dask_core::TaskError>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct DatasetSink<A> {
    path: PathBuf,
    staging: Staging,
    name: String,
    shape: Vec<usize>,
    chunks: Vec<usize>,
    #[serde(skip)]
    _type: PhantomData<fn() -> A>,
}

impl<A: Native> DatasetSink<A> {
    /// A file at `path` with the dataset `name`, stored in chunks (one length an axis); what stands at `path` stays until
    /// all is written. Nothing is touched before the first region is written.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("a.h5");
    /// # let path = path.to_str().ok_or("not UTF-8")?;
    /// use dask_io::{IoError, hdf5::DatasetSink};
    /// assert!(DatasetSink::<f64>::create(path, "/deep/x", &[7, 5], &[4, 5]).is_ok());
    /// assert!(!std::fs::exists(path)?);
    /// let refused = DatasetSink::<f64>::create(path, "/deep/x", &[7, 5], &[4]);
    /// assert!(matches!(refused, Err(IoError::WrongDataset { .. })));
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    ///
    /// # Errors
    /// [`IoError::WrongDataset`] if there is not one chunk length an axis; [`IoError::Format`] without a name.
    pub fn create(path: impl Into<PathBuf>, name: &str, shape: &[usize], chunks: &[usize]) -> Result<Self, IoError> {
        let path = path.into();
        if name.trim_matches('/').is_empty() {
            let message = "a dataset needs a name, such as \"/data\"".into();
            return Err(IoError::Format { path, message });
        }
        if chunks.len() != shape.len() {
            return Err(IoError::WrongDataset {
                path,
                name: name.into(),
                found: format!("{} axes", shape.len()),
                expected: format!("{} as the chunks {chunks:?} have", chunks.len()),
            });
        }
        let chunks = chunks.iter().zip(shape).map(|(&chunk, &n)| chunk.clamp(1, n.max(1))).collect();
        let staging = Staging::within(path.parent().unwrap_or(Path::new("")));
        Ok(Self { path, staging, name: name.into(), shape: shape.to_vec(), chunks, _type: PhantomData })
    }

    /// Where it is written until it is finished.
    fn part(&self) -> PathBuf {
        self.staging.folder().join("data.h5")
    }

    /// The file, with the dataset.
    fn open(&self, part: &Path) -> hdf5::Result<File> {
        if part.with_file_name(FAILED).exists() {
            return Err("a region of the dataset could not be written; write it anew".into());
        }
        if part.exists() {
            return oldest_format().open_rw(part);
        }
        let file = oldest_format().create_excl(part)?;
        let dataset = file.new_dataset::<A>();
        let made = if self.shape.contains(&0) || self.shape.is_empty() {
            dataset.shape(self.shape.clone()).create(self.name.as_str())
        } else {
            dataset.chunk(self.chunks.clone()).shape(self.shape.clone()).create(self.name.as_str())
        };
        if let Err(error) = made {
            drop(file);
            // Nothing is in it; the next region tries again.
            let _ = std::fs::remove_file(part);
            return Err(error);
        }
        Ok(file)
    }
}

impl<A: Native> ChunkSink<A> for DatasetSink<A> {
    fn write(&self, region: &Region, data: &[A]) -> Result<Receipt, TaskError> {
        let view = ndarray::ArrayViewD::from_shape(region.shape.as_slice(), data)?;
        let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        let (folder, part) = (self.staging.folder(), self.part());
        std::fs::create_dir_all(folder).map_err(IoError::file(folder))?;
        let write = |file: File| {
            file.dataset(&self.name)?.as_writer().write_slice(view, hyperslab(region))?;
            flush(file)
        };
        self.open(&part).and_then(write).map_err(|error| {
            // Room again on a full disk. The mark keeps a later region from beginning anew, without those before it.
            let _ = std::fs::remove_file(&part).and_then(|()| std::fs::write(folder.join(FAILED), ""));
            IoError::format(&self.path)(error)
        })?;
        Ok(Receipt { what: part.display().to_string(), n_items: data.len() as u64 })
    }

    fn commit(&self, _receipts: &[Receipt]) -> Result<(), TaskError> {
        commit(&[(self.part(), self.path.clone())])?;
        self.staging.clear();
        Ok(())
    }
}

/// Files in the oldest format that has what they hold: every library reads them, and each writes the same bytes.
pub(super) fn oldest_format() -> FileBuilder {
    let mut options = File::with_options();
    options.with_fapl(|access| access.libver_earliest());
    options
}

/// Closes a file. Without the flush, nobody would hear of a disk that is full: what is left to write when a file is
/// dropped fails in silence.
pub(super) fn flush(file: File) -> hdf5::Result<()> {
    file.flush()?;
    file.close()
}

impl<A: Native> Portable for DatasetSink<A> {
    fn wire_name(&self) -> &'static str {
        A::SINK
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(self)
    }
}
