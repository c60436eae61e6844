//! Values on disk: one file each, with a checksum.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use dask_core::wire::{Buffer, Parcel};
use xxhash_rust::xxh3::Xxh3;

const MAGIC: &[u8; 8] = b"dask-sp1";

/// Writes a value; a failed write leaves no file.
pub(super) fn write(path: &Path, parcel: &Parcel) -> io::Result<()> {
    let written = write_file(path, parcel);
    if written.is_err() {
        // The error that matters is the first.
        drop(std::fs::remove_file(path));
    }
    written
}

fn write_file(path: &Path, parcel: &Parcel) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 16, File::create(path)?);
    let mut hash = Xxh3::new();
    let mut put = |bytes: &[u8]| {
        hash.update(bytes);
        file.write_all(bytes)
    };
    put(MAGIC)?;
    put(&(parcel.buffers().len() as u64).to_le_bytes())?;
    let pieces = [parcel.type_name().as_bytes(), parcel.bytes()];
    for piece in pieces.into_iter().chain(parcel.buffers().iter().map(Buffer::as_slice)) {
        put(&(piece.len() as u64).to_le_bytes())?;
        put(piece)?;
    }
    let digest = hash.digest();
    file.write_all(&digest.to_le_bytes())?;
    // Not synced: the file need not outlive the process, and a full disk says so when it is written to.
    file.flush()
}

/// Reads what [`write`] wrote.
pub(super) fn read(path: &Path) -> io::Result<Parcel> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut file = BufReader::with_capacity(1 << 16, file);
    let mut hash = Xxh3::new();
    let mut take = |n: u64| {
        if size < n {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a length exceeds the file"));
        }
        let mut bytes = vec![0; n as usize];
        file.read_exact(&mut bytes)?;
        hash.update(&bytes);
        Ok(bytes)
    };
    let number = |bytes: Vec<u8>| u64::from_le_bytes(bytes.try_into().unwrap_or_default());
    if take(8)? != MAGIC {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a spilled value"));
    }
    let n_buffers = number(take(8)?);
    let mut piece = || {
        let n = number(take(8)?);
        take(n)
    };
    let name = String::from_utf8(piece()?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let bytes = piece()?;
    let buffers = (0..n_buffers).map(|_| piece().map(Buffer::new)).collect::<io::Result<_>>()?;
    let mut digest = [0; 8];
    file.read_exact(&mut digest)?;
    if u64::from_le_bytes(digest) != hash.digest() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum does not match"));
    }
    Ok(Parcel::from_parts(name, bytes, buffers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_back_what_was_written_and_a_damaged_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value");
        let parcel = Parcel::from_parts("t", vec![1, 2, 3], vec![Buffer::new(vec![7; 1000]), Buffer::new(Vec::new())]);
        write(&path, &parcel).unwrap();
        let read_back = read(&path).unwrap();
        assert_eq!((read_back.type_name(), read_back.bytes()), ("t", &[1, 2, 3][..]));
        assert_eq!(read_back.buffers()[0].as_slice(), parcel.buffers()[0].as_slice());
        let whole = std::fs::read(&path).unwrap();
        for at in [0, 9, 20, 40, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            std::fs::write(&path, damaged).unwrap();
            assert!(read(&path).is_err(), "byte {at}");
        }
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(read(&path).is_err());
    }

    #[test]
    fn a_full_disk_leaves_no_file() {
        let parcel = Parcel::from_parts("t", vec![1; 1 << 20], Vec::new());
        assert!(write(Path::new("/dev/full/x"), &parcel).is_err());
    }
}
