//! The scheduler's journal: a file of records, each with its length and a checksum, appended to as they happen.
//!
//! A record that was being written when the scheduler died is passed over. The file is written anew when it is opened,
//! without what is forgotten.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use dask_core::wire::{Decoder, Encoder};
use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::DistError;
use crate::scheduler::journal::{Identity, Record, compacted};

const MAGIC: &[u8; 8] = b"dask-jn1";
/// A length, and a checksum.
const HEAD: usize = 12;

/// A journal that is open. No other scheduler can open it.
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    /// Held while the journal is in use; a lock on the file itself would go with it when it is written anew.
    _lock: File,
    broken: bool,
}

/// What a journal says.
pub(super) struct Restored {
    pub(super) identity: Identity,
    pub(super) records: Vec<Record>,
    /// What could not be read.
    pub(super) warning: Option<String>,
}

impl Journal {
    /// Opens a journal, or makes one; what stood in it.
    pub(super) fn open(path: &Path, fresh: u64) -> Result<(Self, Restored), DistError> {
        let failed =
            |what: &str, error: io::Error| DistError::io(format!("{what} the journal {}", path.display()), error);
        let beside = |end: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        let lock = OpenOptions::new().create(true).append(true).open(beside(".lock"));
        let lock = lock.map_err(|error| failed("locking", error))?;
        if lock.try_lock().is_err() {
            return Err(DistError::Other(format!("another scheduler uses the journal {}", path.display())));
        }
        let mut bytes = Vec::new();
        match File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("reading", error)),
            _ => {}
        }
        let restored = read(&bytes, fresh)
            .map_err(|why| DistError::Other(format!("{} is no journal of a scheduler: {why}", path.display())))?;
        let new = beside(".new");
        let file = write_anew(&new, path, &restored).map_err(|error| failed("writing", error))?;
        Ok((Self { file, path: path.to_owned(), _lock: lock, broken: false }, restored))
    }

    /// Appends a record; that it cannot is said once.
    pub(super) fn append(&mut self, record: &Record) {
        if self.broken {
            return;
        }
        let written = frame(record).and_then(|bytes| {
            self.file.write_all(&bytes)?;
            self.file.sync_data()
        });
        if let Err(error) = written {
            self.broken = true;
            let path = self.path.display();
            crate::log::warn(
                "scheduler",
                format_args!("{path}: {error}: what is published from now on will not outlive this scheduler"),
            );
        }
    }
}

fn write_anew(new: &Path, path: &Path, restored: &Restored) -> io::Result<File> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(frame(&restored.identity)?);
    for record in &restored.records {
        bytes.extend(frame(record)?);
    }
    let mut file = File::create(new)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    std::fs::rename(new, path)?;
    Ok(file)
}

fn frame<T: Serialize>(item: &T) -> io::Result<Vec<u8>> {
    let mut out = Encoder::new();
    out.serde(item).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
    let content = out.into_bytes();
    let mut bytes = (content.len() as u32).to_le_bytes().to_vec();
    bytes.extend(xxh3_64(&content).to_le_bytes());
    bytes.extend(content);
    Ok(bytes)
}

/// The item at the front, and what comes after it.
fn unframe<T: DeserializeOwned>(bytes: &[u8]) -> Option<(T, &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let (length, checksum) = head.split_at_checked(4)?;
    let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
    let (content, rest) = rest.split_at_checked(length)?;
    if xxh3_64(content).to_le_bytes() != checksum {
        return None;
    }
    let mut input = Decoder::of_bytes(content);
    let item = input.serde().ok()?;
    input.end().ok()?;
    Some((item, rest))
}

/// What stands in a journal; `fresh` identifies a new one.
fn read(bytes: &[u8], fresh: u64) -> Result<Restored, String> {
    if bytes.is_empty() {
        let identity = Identity { cluster: fresh, n_restarts: 0 };
        return Ok(Restored { identity, records: Vec::new(), warning: None });
    }
    let rest = bytes.strip_prefix(MAGIC).ok_or("it begins otherwise")?;
    let (identity, mut rest) = unframe::<Identity>(rest).ok_or("its first record is damaged")?;
    let identity = Identity { n_restarts: identity.n_restarts.wrapping_add(1), ..identity };
    let mut records = Vec::new();
    while let Some((record, after)) = unframe(rest) {
        records.push(record);
        rest = after;
    }
    let left = rest.len();
    let warning = (left != 0).then(|| format!("the last {left} bytes of the journal are no record: passed over"));
    Ok(Restored { identity, records: compacted(records), warning })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::TaskRef;
    use crate::scheduler::journal::PublishedValue;

    fn published(name: &str) -> Record {
        let task = TaskRef { slot: 7, generation: 3 };
        let values = vec![PublishedValue { layer: "layer".into(), shape: vec![9], position: 8, task }];
        Record::Published { name: name.to_owned(), about: vec![1, 2], values }
    }

    #[test]
    fn what_is_written_is_read_and_a_torn_end_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (mut journal, restored) = Journal::open(&path, 5).unwrap();
        assert_eq!((restored.identity, restored.records.len()), (Identity { cluster: 5, n_restarts: 0 }, 0));
        assert!(Journal::open(&path, 5).is_err_and(|error| error.to_string().contains("another scheduler")));
        journal.append(&published("a"));
        journal.append(&published("b"));
        journal.append(&Record::Unpublished { name: "a".to_owned() });
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let Ok((journal, restored)) = Journal::open(&path, 6) else {
                // Nothing can be done without knowing who it was.
                assert!((1..MAGIC.len() + HEAD + 20).contains(&cut), "{cut}");
                continue;
            };
            drop(journal);
            assert!(restored.records.len() <= 2);
        }
        std::fs::write(&path, &whole).unwrap();
        let (journal, restored) = Journal::open(&path, 6).unwrap();
        assert_eq!(restored.identity, Identity { cluster: 5, n_restarts: 1 });
        assert_eq!(restored.records, [published("b")]);
        assert!(restored.warning.is_none());
        drop(journal);
        let (_, restored) = Journal::open(&path, 6).unwrap();
        assert_eq!(restored.identity.n_restarts, 2);
        assert_eq!(restored.records, [published("b")]);
    }

    #[test]
    fn a_file_that_is_no_journal_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "do not lose me").unwrap();
        let error = Journal::open(&path, 5).err().unwrap().to_string();
        assert!(error.contains("notes.txt is no journal"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"do not lose me");
    }
}
