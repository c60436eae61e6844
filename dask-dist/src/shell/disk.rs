//! Values on disk: one file each, with a checksum.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use dask_core::wire::{Block, Buffer, Parcel};
use xxhash_rust::xxh3::Xxh3;

const MAGIC: &[u8; 8] = b"dask-sp2";

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
    for piece in pieces {
        put(&(piece.len() as u64).to_le_bytes())?;
        put(piece)?;
    }
    for buffer in parcel.buffers() {
        put(&(buffer.align() as u64).to_le_bytes())?;
        put(&(buffer.as_slice().len() as u64).to_le_bytes())?;
        put(buffer.as_slice())?;
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
    let mut fill = |bytes: &mut [u8]| {
        file.read_exact(bytes)?;
        hash.update(bytes);
        Ok(())
    };
    let mut magic = *MAGIC;
    fill(&mut magic)?;
    if magic != *MAGIC {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a spilled value"));
    }
    let n_buffers = number(&mut fill)?;
    let name = block(&mut fill, 1, size)?.as_ref().to_vec();
    let name = String::from_utf8(name).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let bytes = block(&mut fill, 1, size)?;
    let bytes = bytes.into_vec().unwrap_or_else(|block: Block| block.as_ref().to_vec());
    let mut buffer = || {
        let align = number(&mut fill)?;
        block(&mut fill, align, size).map(Buffer::from)
    };
    let buffers = (0..n_buffers).map(|_| buffer()).collect::<io::Result<_>>()?;
    let mut digest = [0; 8];
    file.read_exact(&mut digest)?;
    if u64::from_le_bytes(digest) != hash.digest() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum does not match"));
    }
    Ok(Parcel::from_parts(name, bytes, buffers))
}

/// Fills bytes with what comes next.
type Fill<'a> = dyn FnMut(&mut [u8]) -> io::Result<()> + 'a;

fn number(fill: &mut Fill<'_>) -> io::Result<u64> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// A length, and so many bytes in memory aligned to `align` if there are numbers so aligned.
fn block(fill: &mut Fill<'_>, align: u64, file_size: u64) -> io::Result<Block> {
    let n = number(fill)?;
    if file_size < n {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a length exceeds the file"));
    }
    let unaligned = || Block::zeroed(n as usize, 1);
    let block = Block::zeroed(n as usize, align as usize).or_else(unaligned);
    let mut block = block.ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
    fill(block.as_mut_slice())?;
    Ok(block)
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
