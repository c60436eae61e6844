//! Reading regions of a dataset.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{ChunkSource, Region, TaskError};
use hdf5::{Dataset, File, Hyperslab, SliceOrIndex};
use serde::{Deserialize, Serialize};

use crate::error::IoError;
use crate::store::{FileInfo, only};

/// Element types that a dataset may have here.
///
/// ```
/// use dask_core::ChunkSource;
/// use dask_io::{IoError, hdf5::{DatasetSource, Native}};
/// /// The shape of a dataset of elements of any type.
/// fn shape<A: Native>(path: &str, name: &str) -> Result<Vec<usize>, IoError> {
///     Ok(DatasetSource::<A>::open(path, name)?.shape().to_vec())
/// }
/// assert_eq!(shape::<f64>("tests/fixtures/h5py.h5", "deep/x")?, [7, 5]);
/// assert!(matches!(shape::<i32>("tests/fixtures/h5py.h5", "deep/x"), Err(IoError::WrongDataset { .. })));
/// # Ok::<(), dask_core::TaskError>(())
/// ```
pub trait Native: hdf5::H5Type + Copy + Default + Send + Sync + 'static {
    /// The registered name of the source.
    const SOURCE: &'static str;
    /// The registered name of the sink.
    const SINK: &'static str;
}

/// A dataset of an HDF5 file.
///
/// ```
/// use dask_core::{ChunkSource, Region};
/// use dask_io::hdf5::DatasetSource;
/// // Written by h5py: 7 rows of 5 quarters, from 0.
/// let source = DatasetSource::<f64>::open("tests/fixtures/h5py.h5", "deep/x")?;
/// let mut row = [0.0; 5];
/// source.read(&Region { start: vec![1, 0], shape: vec![1, 5] }, &mut row)?;
/// assert_eq!(row, [1.25, 1.5, 1.75, 2.0, 2.25]);
/// # Ok::<(), dask_core::TaskError>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct DatasetSource<A> {
    pub(crate) file: FileInfo,
    pub(crate) name: String,
    shape: Vec<usize>,
    stored_chunks: Option<Vec<usize>>,
    #[serde(skip)]
    _type: PhantomData<fn() -> A>,
}

impl<A: Native> DatasetSource<A> {
    /// Looks a dataset up: its shape, and how it is stored.
    ///
    /// ```
    /// use dask_core::{ChunkSource, Region};
    /// use dask_io::hdf5::DatasetSource;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("a.h5");
    /// let path = path.to_str().ok_or("not UTF-8")?;
    /// hdf5::File::create(path)?.new_dataset_builder().with_data(&[1i64, 2, 3]).create("x")?;
    /// let source = DatasetSource::<i64>::open(path, "x")?;
    /// assert_eq!(source.shape(), [3]);
    /// let mut two = [0; 2];
    /// source.read(&Region { start: vec![1], shape: vec![2] }, &mut two)?;
    /// assert_eq!(two, [2, 3]);
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    ///
    /// # Errors
    /// [`IoError::NoDataset`] (with what there is), [`IoError::WrongDataset`] for another element type,
    /// [`IoError::SeveralMatch`] for a pattern of several files, [`IoError::File`], [`IoError::Format`].
    pub fn open(path: &str, name: &str) -> Result<Self, IoError> {
        let file = only(path)?;
        let dataset = dataset(&file.path, name)?;
        let stored = dataset.dtype().and_then(|dtype| dtype.to_descriptor()).map_err(IoError::format(&file.path))?;
        if stored != A::type_descriptor() {
            return Err(IoError::WrongDataset {
                path: file.path,
                name: name.into(),
                found: format!("elements of {stored}"),
                expected: A::type_descriptor().to_string(),
            });
        }
        let (shape, stored_chunks) = (dataset.shape(), dataset.chunk());
        Ok(Self { file, name: name.into(), shape, stored_chunks, _type: PhantomData })
    }
}

fn dataset(path: &Path, name: &str) -> Result<Dataset, IoError> {
    let file = File::open(path).map_err(IoError::format(path))?;
    file.dataset(name).map_err(|_| {
        let mut known = Vec::new();
        list(&file, "", &mut known);
        let known = if known.is_empty() { "none".into() } else { known.join(", ") };
        IoError::NoDataset { path: path.to_path_buf(), name: name.into(), known }
    })
}

/// The datasets below a group, by their paths.
fn list(group: &hdf5::Group, prefix: &str, known: &mut Vec<String>) {
    for name in group.member_names().unwrap_or_default() {
        let path = format!("{prefix}/{name}");
        match group.group(&name) {
            Ok(inner) => list(&inner, &path, known),
            Err(_) => known.push(path),
        }
    }
}

/// The part of a dataset that a region names.
pub(crate) fn hyperslab(region: &Region) -> Hyperslab {
    let axes = region.start.iter().zip(&region.shape);
    let slices: Vec<SliceOrIndex> =
        axes.map(|(&start, &n)| SliceOrIndex::SliceTo { start, step: 1, end: start + n, block: 1 }).collect();
    Hyperslab::from(slices)
}

impl<A: Native> ChunkSource<A> for DatasetSource<A> {
    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn read(&self, region: &Region, out: &mut [A]) -> Result<(), TaskError> {
        let path: &PathBuf = &self.file.path;
        let dataset = dataset(path, &self.name)?;
        let read = dataset.as_reader().read_slice::<A, _, ndarray::IxDyn>(hyperslab(region));
        let read = read.map_err(|error| IoError::Format {
            path: path.clone(),
            message: format!("reading {region:?} of {}: {error}", self.name),
        })?;
        match read.as_slice() {
            Some(elements) if elements.len() == out.len() => out.copy_from_slice(elements),
            _ => return Err(format!("{}: {region:?} gave {:?}", path.display(), read.shape()).into()),
        }
        Ok(())
    }

    fn stored_chunks(&self) -> Option<&[usize]> {
        self.stored_chunks.as_deref()
    }

    fn identity(&self) -> String {
        format!("{:?} {}", self.file, self.name)
    }
}

impl<A: Native> Portable for DatasetSource<A> {
    fn wire_name(&self) -> &'static str {
        A::SOURCE
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(self)
    }
}

macro_rules! natives {
    ($($type:ty: $source:literal, $sink:literal;)*) => {$(
        impl Native for $type {
            const SOURCE: &'static str = $source;
            const SINK: &'static str = $sink;
        }
        dask_core::register!($source, |input| {
            let source: DatasetSource<$type> = input.serde()?;
            let source: Arc<dyn ChunkSource<$type>> = Arc::new(source);
            Ok(Box::new(source))
        });
        dask_core::register!($sink, |input| {
            let sink: super::DatasetSink<$type> = input.serde()?;
            let sink: Arc<dyn dask_core::ChunkSink<$type>> = Arc::new(sink);
            Ok(Box::new(sink))
        });
    )*};
}
natives! {
    u8: "io.hdf5.read.u8", "io.hdf5.write.u8";
    i32: "io.hdf5.read.i32", "io.hdf5.write.i32";
    i64: "io.hdf5.read.i64", "io.hdf5.write.i64";
    u64: "io.hdf5.read.u64", "io.hdf5.write.u64";
    f32: "io.hdf5.read.f32", "io.hdf5.write.f32";
    f64: "io.hdf5.read.f64", "io.hdf5.write.f64";
}
