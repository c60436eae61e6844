//! What is missing, damaged or of another kind is named: file, line, column, value, and the way out.

use std::path::PathBuf;

use dask_core::{Collection, RunContext};
use dask_io::IoError;
use dask_io::array::{from_hdf5, to_hdf5};
use dask_io::bag::{read_json_lines, read_json_lines_or_collect, read_text};
use dask_io::csv::{ColumnType, CsvOptions};
use dask_io::frame::{read_csv, read_hdf, read_parquet};
use dask_io::hdf5::{DatasetSink, DatasetSource};
use dask_io::json_lines::OnError;
use dask_sched::SyncScheduler;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }
}

fn compute<C: Collection>(what: &C) -> C::Output {
    what.compute_with(&SyncScheduler, &RunContext::default()).unwrap()
}

fn error<C: Collection>(what: &C) -> String {
    match what.compute_with(&SyncScheduler, &RunContext::default()) {
        Ok(_) => panic!("it worked"),
        Err(error) => error.to_string(),
    }
}

/// All parts of a message are in it.
fn check(message: &str, parts: &[&str]) {
    parts.iter().for_each(|part| assert!(message.contains(part), "{part:?} is not in {message:?}"));
}

fn small() -> CsvOptions {
    CsvOptions { blocksize: Some(100), ..CsvOptions::default() }
}

#[test]
fn a_pattern_that_matches_nothing() {
    let folder = Folder::new();
    for name in ["missing", "*.none"] {
        let path = folder.path(name);
        let messages = [
            read_text(&path, None).unwrap_err().to_string(),
            read_json_lines::<i64>(&path, None, OnError::Skip).unwrap_err().to_string(),
            read_csv(&path, CsvOptions::default()).unwrap_err().to_string(),
            read_parquet(&path).unwrap_err().to_string(),
            read_hdf(&path, "data", 1).unwrap_err().to_string(),
            from_hdf5::<f64>(&path, "data", &[1]).unwrap_err().to_string(),
        ];
        messages.iter().for_each(|message| check(message, &["no file matches", name, "paths are relative to"]));
    }
    let found = read_text("a[", None).unwrap_err();
    assert!(matches!(found, IoError::BadPattern { .. }), "{found}");
}

#[test]
fn a_file_that_goes_before_it_is_read() {
    let folder = Folder::new();
    let (text, csv) = (folder.write("a.txt", "a\n"), folder.write("a.csv", "a\n1\n"));
    let (lines, frame) = (read_text(&text, None).unwrap(), read_csv(&csv, small()).unwrap());
    std::fs::remove_file(&text).unwrap();
    std::fs::remove_file(&csv).unwrap();
    check(&error(&lines), &["a.txt: ", "No such file"]);
    check(&error(&frame), &["a.csv: ", "No such file"]);
}

#[test]
fn gzip_that_is_cut_off_or_none() {
    let folder = Folder::new();
    let rows: String = (0..200_000).map(|i| format!("{i},{}\n", i * 7919 % 10007)).collect();
    let whole = crate::text::gzip(format!("a,b\n{rows}").as_bytes());
    let cut = folder.write("cut.csv.gz", &whole[..whole.len() - 100]);
    let frame = read_csv(&cut, CsvOptions::default()).unwrap();
    check(&error(&frame), &["cut.csv.gz: the gzip stream is damaged or cut off after", "bytes of text"]);
    check(&error(&read_json_lines::<String>(&cut, None, OnError::Skip).unwrap()), &["cut.csv.gz: the gzip stream"]);
    let none = folder.write("none.csv.gz", "a,b\n1,2\n");
    check(
        &read_csv(&none, CsvOptions::default()).unwrap_err().to_string(),
        &["none.csv.gz: the gzip stream is damaged"],
    );
    // Whole, it is read like any other file.
    let whole = folder.write("whole.csv.gz", whole);
    assert_eq!(compute(&read_csv(&whole, small()).unwrap()).num_rows(), 200_000);
}

#[test]
fn bytes_that_are_no_text() {
    let folder = Folder::new();
    let latin = |text: &str| text.chars().map(|c| c as u32 as u8).collect::<Vec<u8>>();
    let csv = folder.write("a.csv", latin(&format!("name,n\n{}Capék,1\n", "Ada,1\n".repeat(50))));
    for options in [CsvOptions::default(), small()] {
        check(&error(&read_csv(&csv, options).unwrap()), &["a.csv:52: not UTF-8", "iconv"]);
    }
    // Two halves of a letter do not make one.
    let halves = folder.write("halves.csv", b"name,n\nx\xc3,1\n\xa9,2\n");
    check(&error(&read_csv(&halves, small()).unwrap()), &["halves.csv:2: not UTF-8"]);
    check(&read_csv(&folder.write("b.csv", latin("é,n\n")), small()).unwrap_err().to_string(), &["b.csv:1: not UTF-8"]);
    let json = folder.write("a.json", latin("\"a\"\n\"é\"\n"));
    check(&error(&read_json_lines::<String>(&json, None, OnError::Skip).unwrap()), &["a.json:2: not UTF-8"]);
}

/// Rows `0..n`, of which one is another text: `line` as people count them, the header being the first.
fn csv_with(line: usize, row: &str) -> String {
    let rows: String = (2..40_002).map(|at| if at == line { row.to_owned() } else { format!("{at},{at}\n") }).collect();
    format!("a,b\n{rows}")
}

#[test]
fn lines_are_named_in_every_block() {
    let folder = Folder::new();
    let blocks =
        || [None, Some(100_000), Some(1000)].map(|blocksize| CsvOptions { blocksize, ..CsvOptions::default() });
    let ragged = folder.write("ragged.csv", csv_with(39_000, "1,2,3\n"));
    let changes = folder.write("changes.csv", csv_with(39_000, "1,seven\n"));
    let open = folder.write("open.csv", csv_with(40_001, "1,\"2\n"));
    for options in blocks() {
        let read = |path: &str| read_csv(path, options.clone()).unwrap();
        check(&error(&read(&ragged)), &["ragged.csv:39000: 3 fields where the header has 2", "skip_ragged"]);
        let parts = ["changes.csv:39000: column \"b\" is Int64", "\"seven\" is not", "CsvOptions::dtype(\"b\", …)"];
        check(&error(&read(&changes)), &parts);
        check(&error(&read(&open)), &["open.csv:40001: a quote is opened and not closed"]);
        let skipping = read_csv(&ragged, CsvOptions { skip_ragged: true, ..options.clone() }).unwrap();
        assert_eq!(compute(&skipping).num_rows(), 39_999);
        let given = read_csv(&changes, options.clone().dtype("b", ColumnType::Utf8)).unwrap();
        assert_eq!(compute(&given).num_rows(), 40_000);
    }
}

#[test]
fn files_without_a_header_and_columns_of_one_name() {
    let folder = Folder::new();
    check(&read_csv(&folder.write("a.csv", ""), small()).unwrap_err().to_string(), &["a.csv: the file is empty"]);
    let twins = read_csv(&folder.write("twins.csv", "\u{feff}x,x,\"x\"\r\n1,2,3\r\n"), small()).unwrap();
    assert_eq!(twins.columns(), ["x", "x.1", "x.2"]);
    assert_eq!(compute(&twins.select(&["x.2"]).unwrap()).num_rows(), 1);
    let alone = read_csv(&folder.write("alone.csv", "x,y"), small()).unwrap();
    assert_eq!(compute(&alone).num_rows(), 0);
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

#[test]
fn datasets_of_another_name_type_or_shape() {
    let folder = Folder::new();
    let path = folder.path("a.h5");
    let array = dask_array::Array::<i32>::full(&[3, 4], 5, &[2, 2]).unwrap();
    compute(&to_hdf5(&array, &path, "deep/numbers").unwrap());
    let open = |name: &str| DatasetSource::<i32>::open(&path, name).err().unwrap().to_string();
    check(&open("numbers"), &["a.h5: there is no dataset numbers; there are: /deep/numbers"]);
    // A group is no dataset.
    check(&open("deep"), &["there is no dataset deep; there are: /deep/numbers"]);
    let message = DatasetSource::<f64>::open(&path, "deep/numbers").err().unwrap().to_string();
    check(&message, &["deep/numbers has elements of int32, expected float64"]);
    let chunked = |chunks: &[usize]| from_hdf5::<i32>(&path, "deep/numbers", chunks);
    check(&chunked(&[2]).unwrap_err().to_string(), &["1 entries for an array with 2 axes"]);
    let explicit = from_hdf5::<i32>(&path, "deep/numbers", dask_array::ChunkSpec::Exact(vec![vec![2, 2], vec![4]]));
    check(&explicit.unwrap_err().to_string(), &["axis 0", "4", "3"]);
    assert_eq!(compute(&chunked(&[2, 3]).unwrap()).iter().copied().collect::<Vec<_>>(), [5; 12]);

    let made = DatasetSink::<i32>::create(PathBuf::from(&path), "x", &[3, 4], &[3]).err().unwrap().to_string();
    check(&made, &["x has 2 axes, expected 1 as the chunks [3] have"]);
    assert!(DatasetSink::<i32>::create(PathBuf::from(&path), "/", &[3], &[3]).is_err());
    check(&open("x"), &["there are: /deep/numbers"]);
}
