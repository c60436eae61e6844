//! A folder with one file a partition.

use std::path::{Path, PathBuf};

use dask_core::{Receipt, TaskError};
#[cfg(any(feature = "csv", feature = "parquet"))]
use serde::{Deserialize, Serialize};

#[cfg(any(feature = "csv", feature = "parquet"))]
use super::{AtomicFile, commit};
use crate::error::IoError;

/// The receipt of a partition that is kept under a temporary name. It says which, so that receipts need no order.
pub(crate) fn receipt(partition: usize, parked: &Path, n_items: u64) -> Result<Receipt, TaskError> {
    let parked = parked.to_str().ok_or_else(|| format!("{}: the path is not UTF-8", parked.display()))?;
    Ok(Receipt { what: format!("{partition} {parked}"), n_items })
}

/// The partition of a receipt, and its temporary name.
pub(crate) fn parked(receipt: &Receipt, table: &Path) -> Result<(usize, PathBuf), IoError> {
    let named = receipt.what.split_once(' ').and_then(|(number, path)| Some((number.parse().ok()?, path.into())));
    named.ok_or_else(|| IoError::Format {
        path: table.to_path_buf(),
        message: format!("{:?} is not a receipt of this table", receipt.what),
    })
}

/// Files `part.000000.EXTENSION`, numbered by partition so that their sorted names keep the order.
#[cfg(any(feature = "csv", feature = "parquet"))]
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PartFolder {
    folder: PathBuf,
    extension: String,
}

#[cfg(any(feature = "csv", feature = "parquet"))]
impl PartFolder {
    pub(crate) fn new(folder: impl Into<PathBuf>, extension: &str) -> Self {
        Self { folder: folder.into(), extension: extension.into() }
    }

    /// Where a partition will stand.
    pub(crate) fn path_of(&self, partition: usize) -> PathBuf {
        self.folder.join(format!("part.{partition:06}.{}", self.extension))
    }

    /// Keeps a written part under its temporary name until [`commit`](PartFolder::commit).
    pub(crate) fn park(&self, partition: usize, file: AtomicFile, n_items: u64) -> Result<Receipt, TaskError> {
        receipt(partition, &file.park()?, n_items)
    }

    /// Renames all parts, and removes those of an earlier table that had more.
    pub(crate) fn commit(&self, receipts: &[Receipt]) -> Result<(), IoError> {
        let mut from_to = Vec::with_capacity(receipts.len());
        for receipt in receipts {
            let (partition, parked) = parked(receipt, &self.folder)?;
            from_to.push((parked, self.path_of(partition)));
        }
        commit(&from_to)?;
        for entry in std::fs::read_dir(&self.folder).map_err(IoError::file(&self.folder))? {
            let path = entry.map_err(IoError::file(&self.folder))?.path();
            if self.is_part(&path) && !from_to.iter().any(|(_, to)| *to == path) {
                std::fs::remove_file(&path).map_err(IoError::file(&path))?;
            }
        }
        Ok(())
    }

    /// Whether this is a name that [`path_of`](PartFolder::path_of) gives.
    fn is_part(&self, path: &Path) -> bool {
        let number = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_prefix("part."))
            .and_then(|name| name.strip_suffix(self.extension.as_str()))
            .and_then(|name| name.strip_suffix('.'));
        number.is_some_and(|number| number.parse().is_ok_and(|partition| self.path_of(partition) == path))
    }
}
