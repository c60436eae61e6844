//! JSON lines: values, encodings, gzip.

use dask_io::bag::{read_json_lines, read_json_lines_or_collect};
use dask_io::json_lines::OnError;

use super::{Folder, check, compute, error, nothing_matches};

#[test]
fn a_pattern_that_matches_nothing() {
    nothing_matches(|path| read_json_lines::<i64>(path, None, OnError::Skip));
}

#[test]
fn gzip_that_is_cut_off() {
    let folder = Folder::new();
    let lines: String = (0..200_000).map(|i| format!("\"{}\"\n", i * 7919 % 10007)).collect();
    let whole = crate::text::gzip(lines.as_bytes());
    let cut = folder.write("cut.json.gz", &whole[..whole.len() - 100]);
    check(&error(&read_json_lines::<String>(&cut, None, OnError::Skip).unwrap()), &["cut.json.gz: the gzip stream"]);
}

#[test]
fn bytes_that_are_no_text() {
    let folder = Folder::new();
    let json = folder.write("a.json", b"\"a\"\n\"\xe9\"\n");
    check(&error(&read_json_lines::<String>(&json, None, OnError::Skip).unwrap()), &["a.json:2: not UTF-8"]);
}

#[test]
fn json_that_does_not_parse() {
    let folder = Folder::new();
    let lines: String = (0..1000).map(|i| if i % 100 == 50 { "no\n".to_owned() } else { format!("{i}\n") }).collect();
    let plain = folder.write("a.json", &lines);
    let packed = folder.write("a.json.gz", crate::text::gzip(lines.as_bytes()));
    for path in [&plain, &packed] {
        for blocksize in [None, Some(500)] {
            let raising = read_json_lines::<i64>(path, blocksize, OnError::Raise).unwrap();
            check(&error(&raising), &[&format!("{path}:51: expected ident"), "OnError::Skip", "\"no\""]);
            let skipping = read_json_lines::<i64>(path, blocksize, OnError::Skip).unwrap();
            assert_eq!(compute(&skipping).len(), 990);
            let (values, bad) = read_json_lines_or_collect::<i64>(path, blocksize).unwrap();
            assert_eq!(compute(&values), compute(&skipping));
            let bad = compute(&bad);
            let places: Vec<&str> = bad.iter().map(|line| line.at.as_str()).collect();
            assert_eq!(places, (0..10).map(|i| format!("{path}:{}", 51 + 100 * i)).collect::<Vec<_>>());
            assert!(bad.iter().all(|line| line.text == "no" && line.why.contains("expected ident")), "{bad:?}");
        }
    }
    // Lines of another type are no less bad than those that are no JSON.
    let (values, bad) = read_json_lines_or_collect::<bool>(&plain, None).unwrap();
    assert_eq!((compute(&values).len(), compute(&bad).len()), (0, 1000));
}
