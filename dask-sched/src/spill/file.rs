//! One value on disk: its bytes in a file that goes when the value is dropped.

use std::io::{self, Read, Write};
use std::path::Path;

use dask_core::Value;
use dask_core::wire::{Buffer, Parcel};
use tempfile::{NamedTempFile, TempPath};

/// A value's bytes, in line and out of band, one behind the other in a file.
pub(super) struct Spilled {
    path: TempPath,
    type_name: String,
    n_inline: usize,
    n_buffers: Vec<usize>,
}

impl Spilled {
    /// Writes a file of its own in `directory`. If that fails, no file is left.
    pub(super) fn write(parcel: &Parcel, directory: &Path) -> io::Result<Self> {
        let mut file = NamedTempFile::new_in(directory)?;
        write_parcel(parcel, &mut file)?;
        Ok(Self {
            path: file.into_temp_path(),
            type_name: parcel.type_name().to_owned(),
            n_inline: parcel.bytes().len(),
            n_buffers: parcel.buffers().iter().map(|buffer| buffer.as_slice().len()).collect(),
        })
    }

    /// Reads the value back; it is decoded when somebody asks for it by type.
    pub(super) fn read(&self) -> io::Result<Value> {
        let mut file = std::fs::File::open(&self.path)?;
        let mut read = |n: usize| {
            let mut bytes = vec![0; n];
            file.read_exact(&mut bytes).map(|()| bytes)
        };
        let inline = read(self.n_inline)?;
        let buffers = self.n_buffers.iter().map(|&n| read(n).map(Buffer::new)).collect::<io::Result<_>>()?;
        Ok(Value::encoded(Parcel::from_parts(self.type_name.clone(), inline, buffers)))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn write_parcel(parcel: &Parcel, out: &mut impl Write) -> io::Result<()> {
    out.write_all(parcel.bytes())?;
    parcel.buffers().iter().try_for_each(|buffer| out.write_all(buffer.as_slice()))?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_with_its_buffers_and_the_file_goes() {
        let directory = tempfile::tempdir().unwrap();
        let parcel = Parcel::from_parts("t", vec![1, 2], vec![Buffer::new(vec![3]), Buffer::new(vec![4, 5])]);
        let spilled = Spilled::write(&parcel, directory.path()).unwrap();
        let back = spilled.read().unwrap().to_parcel().unwrap();
        let buffers: Vec<&[u8]> = back.buffers().iter().map(Buffer::as_slice).collect();
        assert_eq!((back.type_name(), back.bytes(), buffers), ("t", &[1u8, 2][..], vec![&[3u8][..], &[4, 5]]));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        drop(spilled);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_cut_short_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let spilled = Spilled::write(&Parcel::from_parts("t", vec![0; 100], vec![]), directory.path()).unwrap();
        std::fs::File::options().write(true).open(spilled.path()).unwrap().set_len(50).unwrap();
        assert_eq!(spilled.read().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
