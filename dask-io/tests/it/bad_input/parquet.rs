//! Parquet: files that are not there, or cut off.

use dask_io::frame::read_parquet;

use super::{Folder, check, nothing_matches};

#[test]
fn a_pattern_that_matches_nothing() {
    nothing_matches(read_parquet);
}

#[test]
fn a_file_without_its_end() {
    let folder = Folder::new();
    let whole = std::fs::read(format!("{}/tests/fixtures/pandas.parquet", env!("CARGO_MANIFEST_DIR"))).unwrap();
    for (name, bytes) in [("cut.parquet", &whole[..whole.len() - 5]), ("empty.parquet", b"")] {
        check(&read_parquet(&folder.write(name, bytes)).unwrap_err().to_string(), &[name, ": "]);
    }
}
