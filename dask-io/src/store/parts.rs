//! A folder with one file a partition.

use std::path::{Path, PathBuf};

use dask_core::{Receipt, TaskError};
use serde::{Deserialize, Serialize};

use super::{AtomicFile, Staging, commit};
use crate::error::IoError;

/// Digits of a partition's number, so that sorted names keep the order.
const DIGITS: usize = 6;

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

/// Files of one folder whose names differ in the number of the partition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PartFolder {
    folder: PathBuf,
    /// What stands before the number.
    prefix: String,
    /// What stands behind it.
    suffix: String,
    staging: Staging,
}

impl PartFolder {
    /// Files `FOLDER/part.000000.EXTENSION`.
    #[cfg(any(feature = "csv", feature = "parquet"))]
    pub(crate) fn new(folder: impl Into<PathBuf>, extension: &str) -> Self {
        let folder = folder.into();
        let staging = Staging::within(&folder);
        Self { folder, prefix: "part.".into(), suffix: format!(".{extension}"), staging }
    }

    /// Files named by a pattern: the number stands for the `*` of `FOLDER/NAME-*.ENDING`.
    pub(crate) fn named(pattern: &str) -> Result<Self, IoError> {
        let (folder, name) = match pattern.rsplit_once('/') {
            Some(("", name)) => ("/", name),
            Some((folder, name)) => (folder, name),
            None => (".", pattern),
        };
        match name.split_once('*') {
            Some((prefix, suffix)) if !suffix.contains('*') && !folder.contains('*') => {
                let staging = Staging::within(Path::new(folder));
                Ok(Self { folder: folder.into(), prefix: prefix.into(), suffix: suffix.into(), staging })
            }
            _ => Err(IoError::BadPattern {
                pattern: pattern.into(),
                why: "one `*` in the file name stands for the number of the partition, as in `out/*.txt.gz`".into(),
            }),
        }
    }

    /// What stands behind the number.
    pub(crate) fn suffix(&self) -> &str {
        &self.suffix
    }

    /// Where a partition will stand.
    pub(crate) fn path_of(&self, partition: usize) -> PathBuf {
        self.folder.join(format!("{}{partition:0DIGITS$}{}", self.prefix, self.suffix))
    }

    /// Starts a part.
    pub(crate) fn create(&self, partition: usize) -> Result<AtomicFile, IoError> {
        AtomicFile::staged(&self.staging, self.path_of(partition))
    }

    /// Keeps a written part under its temporary name until [`commit`](PartFolder::commit).
    pub(crate) fn park(&self, partition: usize, file: AtomicFile, n_items: u64) -> Result<Receipt, TaskError> {
        receipt(partition, &file.park()?, n_items)
    }

    /// After a part that could not be written none is of use: all go, so that a full disk has room again.
    pub(crate) fn clear(&self) {
        self.staging.clear();
    }

    /// Renames all parts, and removes those of an earlier result that had more.
    pub(crate) fn commit(&self, receipts: &[Receipt]) -> Result<(), IoError> {
        let mut from_to = Vec::with_capacity(receipts.len());
        for receipt in receipts {
            let (partition, parked) = parked(receipt, &self.folder)?;
            from_to.push((parked, self.path_of(partition)));
        }
        commit(&from_to)?;
        self.staging.clear();
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
            .and_then(|name| name.strip_prefix(self.prefix.as_str()))
            .and_then(|name| name.strip_suffix(self.suffix.as_str()));
        number.is_some_and(|number| number.parse().is_ok_and(|partition| self.path_of(partition) == path))
    }
}
