//! A disk that fills while something is written: an error, no half file, and what stood there before.
//!
//! The disk is full for a process whose files may not grow: the test runs itself once more under `ulimit -f`, with the
//! signal ignored that would end it, so that writing fails as it does on a full disk.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use dask_array::Array;
use dask_bag::Bag;
use dask_core::{Collection, Delayed, RunContext};
use dask_frame::DataFrame;
use dask_frame::array::{ArrayRef, Int64Array, RecordBatch};
use dask_io::array::{from_hdf5, to_hdf5};
use dask_io::bag::{read_text, to_textfiles};
use dask_io::csv::CsvOptions;
use dask_io::frame::{read_csv, read_hdf, read_parquet, to_csv, to_hdf, to_parquet};
use dask_io::parquet::Compression;
use dask_sched::{RoundTripScheduler, SyncScheduler};

const FOLDER: &str = "DASK_IO_TEST_FULL_DISK";

/// Numbers that cannot be compressed, in two partitions: a small one that is written, and one that is not.
fn numbers(n: i64) -> Vec<i64> {
    (0..n).map(|i| (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64)).collect()
}

fn frame(n: i64) -> DataFrame {
    let batch = |numbers: Vec<i64>| {
        let numbers: ArrayRef = Arc::new(Int64Array::from(numbers));
        RecordBatch::try_from_iter([("n", numbers)]).unwrap()
    };
    DataFrame::from_batches(vec![batch(vec![7]), batch(numbers(n))]).unwrap()
}

fn writes(folder: &Path, n: i64) -> Vec<(&'static str, Delayed<u64>)> {
    let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let lines = || Bag::from_sequence(numbers(n).into_iter().map(|number| number.to_string()), 2);
    let array = Array::<i64>::arange(0, n, 1, (n as usize).div_ceil(2)).unwrap();
    vec![
        ("csv", to_csv(&frame(n), &at("csv"))),
        ("parquet", to_parquet(&frame(n), &at("parquet"), Compression::Snappy)),
        ("table.h5", to_hdf(&frame(n), &at("hdf/table.h5"), "data").unwrap()),
        ("array.h5", to_hdf5(&array, &at("hdf/array.h5"), "data").unwrap()),
        ("text", to_textfiles(&lines(), &at("text/*.txt")).unwrap()),
        ("gzip", to_textfiles(&lines(), &at("gzip/*.txt.gz")).unwrap()),
    ]
}

fn compute<C: Collection>(what: &C) -> C::Output {
    what.compute_with(&SyncScheduler, &RunContext::default()).unwrap()
}

/// All files below a folder, with what is in them.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.push((path.clone(), Vec::new()));
            found.extend(files(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn what_stood_there_stays_when_the_disk_is_full() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return on_a_full_disk(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    writes(folder.path(), 4).iter().for_each(|(_, write)| assert!(compute(write) >= 4));
    let before = files(folder.path());
    assert!(before.len() >= 14, "{before:?}");

    let test = std::thread::current().name().unwrap().to_owned();
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ && ulimit -f 128 && exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}\n{}", String::from_utf8_lossy(&child.stderr));
    assert!(said.contains("6 writes failed as they should"), "{said}");

    assert!(files(folder.path()) == before, "something was changed or left");
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    assert_eq!(compute(&read_csv(&at("csv/*.csv"), CsvOptions::default()).unwrap()).num_rows(), 5);
    assert_eq!(compute(&read_parquet(&at("parquet")).unwrap()).num_rows(), 5);
    assert_eq!(compute(&read_hdf(&at("hdf/table.h5"), "data", 10).unwrap()).num_rows(), 5);
    assert_eq!(
        compute(&from_hdf5::<i64>(&at("hdf/array.h5"), "data", &[2]).unwrap()).as_slice(),
        Some(&[0, 1, 2, 3][..])
    );
    assert_eq!(compute(&read_text(&at("text/*.txt"), None).unwrap()).len(), 4);
    assert_eq!(compute(&read_text(&at("gzip/*.txt.gz"), None).unwrap()).len(), 4);
}

fn on_a_full_disk(folder: &Path) {
    let before = files(folder);
    let mut n = 0;
    for round in 0..2 {
        for (what, write) in writes(folder, 100_000) {
            let found = match round {
                0 => write.compute_with(&SyncScheduler, &RunContext::default()),
                _ => write.compute_with(&RoundTripScheduler, &RunContext::default()),
            };
            let error = found.expect_err(what).to_string();
            assert!(error.contains(&*folder.to_string_lossy()), "{what}: {error}");
            assert!(error.contains("too large") || error.contains("27"), "{what}: {error}");
            drop(write);
            let left: Vec<_> =
                files(folder).into_iter().filter(|file| !before.contains(file)).map(|file| file.0).collect();
            assert!(files(folder) == before, "{what} changed or left something: {left:?}");
            n += 1 - round;
        }
    }
    println!("{n} writes failed as they should");
}
