//! CSV: rows, quotes, types, encodings.

use dask_io::csv::{ColumnType, CsvOptions};
use dask_io::frame::read_csv;

use super::{Folder, check, compute, error, nothing_matches};

fn small() -> CsvOptions {
    CsvOptions { blocksize: Some(100), ..CsvOptions::default() }
}

#[test]
fn a_pattern_that_matches_nothing() {
    nothing_matches(|path| read_csv(path, CsvOptions::default()));
}

#[test]
fn a_file_that_goes_before_it_is_read() {
    let folder = Folder::new();
    let path = folder.write("a.csv", "a\n1\n");
    let frame = read_csv(&path, small()).unwrap();
    std::fs::remove_file(&path).unwrap();
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
