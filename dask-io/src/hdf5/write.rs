//! Writing a dataset region by region, into a file that appears when it is finished.

use std::marker::PhantomData;
use std::path::PathBuf;

use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{ChunkSink, Receipt, Region, TaskError};
use hdf5::File;
use serde::{Deserialize, Serialize};

use super::read::{Native, hyperslab};
use crate::error::IoError;
use crate::store::{AtomicFile, commit};

/// A new HDF5 file with one dataset.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct DatasetSink<A> {
    path: PathBuf,
    /// Where it is written until it is finished.
    part: PathBuf,
    name: String,
    #[serde(skip)]
    _type: PhantomData<fn() -> A>,
}

impl<A: Native> DatasetSink<A> {
    /// A file at `path` with the dataset `name`, stored in chunks; what stands at `path` stays until all is written.
    ///
    /// # Errors
    /// [`IoError::File`], [`IoError::Format`].
    pub fn create(path: &str, name: &str, shape: &[usize], chunks: &[usize]) -> Result<Self, IoError> {
        let path = PathBuf::from(path);
        let part = AtomicFile::create(&path)?.park()?;
        let file = File::create(&part).map_err(IoError::format(&part))?;
        let chunks: Vec<usize> = chunks.iter().zip(shape).map(|(&chunk, &n)| chunk.clamp(1, n.max(1))).collect();
        let built = if shape.contains(&0) || shape.is_empty() {
            file.new_dataset::<A>().shape(shape).create(name)
        } else {
            file.new_dataset::<A>().chunk(chunks).shape(shape).create(name)
        };
        built.map_err(IoError::format(&path))?;
        Ok(Self { path, part, name: name.into(), _type: PhantomData })
    }
}

impl<A: Native> ChunkSink<A> for DatasetSink<A> {
    fn write(&self, region: &Region, data: &[A]) -> Result<Receipt, TaskError> {
        let file = File::open_rw(&self.part).map_err(IoError::format(&self.path))?;
        let dataset = file.dataset(&self.name).map_err(IoError::format(&self.path))?;
        let view = ndarray::ArrayViewD::from_shape(region.shape.as_slice(), data)?;
        dataset.as_writer().write_slice(view, hyperslab(region)).map_err(IoError::format(&self.path))?;
        Ok(Receipt { what: self.part.display().to_string(), n_items: data.len() as u64 })
    }

    fn commit(&self, _receipts: &[Receipt]) -> Result<(), TaskError> {
        Ok(commit(&[(self.part.clone(), self.path.clone())])?)
    }
}

impl<A: Native> Portable for DatasetSink<A> {
    fn wire_name(&self) -> &'static str {
        A::SINK
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(self)
    }
}
