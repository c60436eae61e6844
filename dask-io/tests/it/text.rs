//! Lines.

use std::io::Write;
use std::path::Path;

use dask_core::{PartitionSource, Want};
use dask_io::text::TextSource;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn lines(pattern: &Path, blocksize: Option<u64>) -> Result<Vec<String>, String> {
    let source = TextSource::open(pattern.to_str().unwrap(), blocksize).map_err(|error| error.to_string())?;
    let mut lines = Vec::new();
    for partition in 0..source.n_partitions() {
        for line in source.read(partition, &Want::default()).map_err(|error| error.to_string())? {
            lines.push(line.map_err(|error| error.to_string())?);
        }
    }
    Ok(lines)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn any_blocks_give_every_line_once(texts in proptest::collection::vec("[a-zé]{0,12}", 0..30), end in any::<bool>(), crlf in any::<bool>(), blocksize in 1u64..50) {
        let folder = tempfile::tempdir().unwrap();
        let newline = if crlf { "\r\n" } else { "\n" };
        let mut whole = texts.join(newline);
        if end && !texts.is_empty() {
            whole.push_str(newline);
        }
        let expected: Vec<String> = whole.lines().map(str::to_owned).collect();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, &whole).unwrap();
        prop_assert_eq!(&lines(&path, Some(blocksize)).unwrap(), &expected);
        prop_assert_eq!(&lines(&path, None).unwrap(), &expected);
        let packed = folder.path().join("b.txt.gz");
        let (first, second) = whole.as_bytes().split_at(whole.len() / 2);
        std::fs::write(&packed, [gzip(first), gzip(second)].concat()).unwrap();
        prop_assert_eq!(&lines(&packed, Some(blocksize)).unwrap(), &expected);
    }
}

#[test]
fn what_is_damaged_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = lines(&folder.path().join("*.txt"), None).unwrap_err();
    assert!(missing.starts_with("no file matches") && missing.contains("*.txt"), "{missing}");
    let cut = folder.path().join("cut.gz");
    let whole = gzip(&b"a line of text\n".repeat(1000));
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let error = lines(&cut, None).unwrap_err();
    assert!(error.contains("cut.gz: the gzip stream is damaged or cut off after"), "{error}");
    let latin = folder.path().join("latin.txt");
    std::fs::write(&latin, b"good\nb\xe9d\n").unwrap();
    let error = lines(&latin, None).unwrap_err();
    assert!(error.contains("latin.txt:2: not UTF-8; convert the file"), "{error}");
}

#[test]
fn an_unfinished_file_leaves_what_stood_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    std::fs::write(&path, "before").unwrap();
    let mut file = dask_io::store::AtomicFile::create(&path).unwrap();
    file.write_all(b"after").unwrap();
    drop(file);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "before");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let mut file = dask_io::store::AtomicFile::create(&path).unwrap();
    file.write_all(b"after").unwrap();
    file.finish().unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "after");
}

#[cfg(unix)]
#[test]
fn a_finished_file_may_be_read_by_whoever_may_read_a_plain_one() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let [ours, plain] = ["ours", "plain"].map(|name| folder.path().join(name));
    dask_io::store::AtomicFile::create(&ours).unwrap().finish().unwrap();
    std::fs::write(&plain, "").unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&plain));
}
