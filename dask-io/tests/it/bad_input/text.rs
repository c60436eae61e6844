//! Lines: files that are not there, or no longer.

use dask_io::IoError;
use dask_io::bag::read_text;

use super::{Folder, check, error, nothing_matches};

#[test]
fn a_pattern_that_matches_nothing_or_is_none() {
    nothing_matches(|path| read_text(path, None));
    let found = read_text("a[", None).unwrap_err();
    assert!(matches!(found, IoError::BadPattern { .. }), "{found}");
}

#[test]
fn a_file_that_goes_before_it_is_read() {
    let folder = Folder::new();
    let path = folder.write("a.txt", "a\n");
    let lines = read_text(&path, None).unwrap();
    std::fs::remove_file(&path).unwrap();
    check(&error(&lines), &["a.txt: ", "No such file"]);
}
