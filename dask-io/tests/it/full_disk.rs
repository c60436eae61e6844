//! A disk that fills while something is written: an error, no half file, and what stood there before.
//!
//! The disk is full for a process whose files may not grow: the test runs itself once more under `ulimit -f`, with the
//! signal ignored that would end it, so that writing fails as it does on a full disk.

use std::path::{Path, PathBuf};
use std::process::Command;

use dask_core::{Collection, Delayed, RunContext};
use dask_sched::{RoundTripScheduler, SyncScheduler};

const FOLDER: &str = "DASK_IO_TEST_FULL_DISK";

/// Numbers that cannot be compressed, in two partitions: a small one that is written, and one that is not.
#[cfg(any(feature = "bag", feature = "frame"))]
fn numbers(n: i64) -> Vec<i64> {
    (0..n).map(|i| (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64)).collect()
}

#[cfg(feature = "frame")]
fn frame(n: i64) -> dask_frame::DataFrame {
    use dask_frame::array::{ArrayRef, Int64Array, RecordBatch};

    let batch = |numbers: Vec<i64>| {
        let numbers: ArrayRef = std::sync::Arc::new(Int64Array::from(numbers));
        RecordBatch::try_from_iter([("n", numbers)]).unwrap()
    };
    dask_frame::DataFrame::from_batches(vec![batch(vec![7]), batch(numbers(n))]).unwrap()
}

/// A write of `n` numbers (a frame has one more), and how many are read back.
struct Case {
    what: &'static str,
    write: Delayed<u64>,
    read: fn(&Path) -> usize,
}

/// Every format that the features have.
#[allow(clippy::vec_init_then_push, reason = "each push is there with its features alone")]
fn cases(folder: &Path, n: i64) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    #[cfg(all(feature = "csv", feature = "frame"))]
    cases.push(Case {
        what: "csv",
        write: dask_io::frame::to_csv(&frame(n), &at(folder, "csv")),
        read: |folder| {
            compute(&dask_io::frame::read_csv(&at(folder, "csv/*.csv"), Default::default()).unwrap()).num_rows()
        },
    });
    #[cfg(all(feature = "parquet", feature = "frame"))]
    cases.push(Case {
        what: "parquet",
        write: dask_io::frame::to_parquet(&frame(n), &at(folder, "parquet"), Default::default()),
        read: |folder| compute(&dask_io::frame::read_parquet(&at(folder, "parquet")).unwrap()).num_rows(),
    });
    #[cfg(all(feature = "hdf5", feature = "frame"))]
    cases.push(Case {
        what: "table.h5",
        write: dask_io::frame::to_hdf(&frame(n), &at(folder, "hdf/table.h5"), "data").unwrap(),
        read: |folder| compute(&dask_io::frame::read_hdf(&at(folder, "hdf/table.h5"), "data", 10).unwrap()).num_rows(),
    });
    #[cfg(all(feature = "hdf5", feature = "array"))]
    {
        let array = dask_array::Array::<i64>::arange(0, n, 1, (n as usize).div_ceil(2)).unwrap();
        cases.push(Case {
            what: "array.h5",
            write: dask_io::array::to_hdf5(&array, &at(folder, "array/array.h5"), "data").unwrap(),
            read: |folder| {
                let array = dask_io::array::from_hdf5::<i64>(&at(folder, "array/array.h5"), "data", &[2]).unwrap();
                let numbers = compute(&array);
                assert!(numbers.iter().copied().eq(0..numbers.len() as i64), "{numbers}");
                numbers.len() + 1
            },
        });
    }
    #[cfg(feature = "bag")]
    for (what, pattern) in [("text", "text/*.txt"), ("gzip", "gzip/*.txt.gz")] {
        let lines = dask_bag::Bag::from_sequence(numbers(n).into_iter().map(|number| number.to_string()), 2);
        cases.push(Case {
            what,
            write: dask_io::bag::to_textfiles(&lines, &at(folder, pattern)).unwrap(),
            read: match what {
                "text" => {
                    |folder| compute(&dask_io::bag::read_text(&at(folder, "text/*.txt"), None).unwrap()).len() + 1
                }
                _ => |folder| compute(&dask_io::bag::read_text(&at(folder, "gzip/*.txt.gz"), None).unwrap()).len() + 1,
            },
        });
    }
    cases
}

fn at(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
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
    let cases = cases(folder.path(), 4);
    cases.iter().for_each(|case| assert!(compute(&case.write) >= 4));
    let before = files(folder.path());
    assert!(before.len() >= 2 * cases.len(), "{before:?}");

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
    assert!(said.contains(&format!("{} writes failed as they should", cases.len())), "{said}");

    assert!(files(folder.path()) == before, "something was changed or left");
    for Case { what, read, .. } in cases {
        assert_eq!(read(folder.path()), 5, "{what}");
    }
}

fn on_a_full_disk(folder: &Path) {
    let before = files(folder);
    let mut n = 0;
    for round in 0..2 {
        for Case { what, write, .. } in cases(folder, 100_000) {
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
