//! N-dimensional datasets.

use dask_array::Array;
use dask_core::{Collection, RunContext, Scheduler};
use dask_io::array::{from_hdf5, to_hdf5};
use dask_io::hdf5::DatasetSource;
use dask_sched::{RoundTripScheduler, SyncScheduler, ThreadedScheduler};
use proptest::prelude::*;

#[test]
fn what_is_written_is_read_on_every_scheduler() {
    let folder = tempfile::tempdir().unwrap();
    let x = Array::<f64>::normal(&[37, 23], 0.0, 1.0, &[10, 7], 3).unwrap();
    let expected = x.compute_with(&SyncScheduler, &RunContext::default()).unwrap();
    let schedulers: [&dyn Scheduler; 3] = [&SyncScheduler, &ThreadedScheduler::new(3), &RoundTripScheduler];
    for (i, scheduler) in schedulers.into_iter().enumerate() {
        let path = folder.path().join(format!("{i}.h5"));
        let path = path.to_str().unwrap();
        let n = to_hdf5(&x, path, "big/data").unwrap().compute_with(scheduler, &RunContext::default()).unwrap();
        assert_eq!(n, 37 * 23);
        let back = from_hdf5::<f64>(path, "/big/data", &[8, 23]).unwrap();
        assert_eq!(back.compute_with(scheduler, &RunContext::default()).unwrap(), expected);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "temporary files are left");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_shape_and_chunks_are_read_as_written(
        axes in proptest::collection::vec((0usize..9, 1usize..5, 1usize..10), 1..4),
        seed in any::<u64>(),
    ) {
        let shape: Vec<usize> = axes.iter().map(|axis| axis.0).collect();
        let (written, read): (Vec<usize>, Vec<usize>) = axes.iter().map(|axis| (axis.1, axis.2)).unzip();
        let x = Array::<f64>::normal(&shape, 0.0, 1.0, written.as_slice(), seed).unwrap();
        let context = RunContext::default();
        let expected = x.compute_with(&SyncScheduler, &context).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        let path = path.to_str().unwrap();
        to_hdf5(&x, path, "x").unwrap().compute_with(&RoundTripScheduler, &context).unwrap();
        let back = from_hdf5::<f64>(path, "x", read.as_slice()).unwrap();
        prop_assert_eq!(back.compute_with(&RoundTripScheduler, &context).unwrap(), expected);
    }
}

#[test]
fn a_file_is_in_the_oldest_format_and_has_the_same_bytes_again() {
    let folder = tempfile::tempdir().unwrap();
    let x = Array::<f64>::normal(&[20, 15], 0.0, 1.0, &[10, 7], 3).unwrap();
    let [first, again] = ["1.h5", "2.h5"].map(|name| {
        let path = folder.path().join(name);
        let written = to_hdf5(&x, path.to_str().unwrap(), "big/data").unwrap();
        written.compute_with(&SyncScheduler, &RunContext::default()).unwrap();
        std::fs::read(path).unwrap()
    });
    // The signature, and the version of the superblock.
    assert_eq!(&first[..9], b"\x89HDF\r\n\x1a\n\x00");
    assert!(first == again, "written twice, the bytes differ");
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    let path = path.to_str().unwrap();
    let x = Array::<i64>::arange(0, 6, 1, 2).unwrap();
    to_hdf5(&x, path, "numbers").unwrap().compute_with(&SyncScheduler, &RunContext::default()).unwrap();
    let error = DatasetSource::<i64>::open(path, "letters").err().unwrap().to_string();
    assert!(error.ends_with("there is no dataset letters; there are: /numbers"), "{error}");
    let error = DatasetSource::<f64>::open(path, "numbers").err().unwrap().to_string();
    assert!(error.contains("numbers has elements of int64, expected float64"), "{error}");
    let error = from_hdf5::<i64>(path, "numbers", &[2, 2]).err().unwrap().to_string();
    assert!(error.contains("chunks: 2 entries for an array with 1 axes"), "{error}");
    std::fs::write(folder.path().join("no.h5"), "text").unwrap();
    assert!(DatasetSource::<f64>::open(folder.path().join("no.h5").to_str().unwrap(), "x").is_err());
}

#[test]
fn what_h5py_wrote_is_read() {
    let path = format!("{}/tests/fixtures/h5py.h5", env!("CARGO_MANIFEST_DIR"));
    let x = from_hdf5::<f64>(&path, "deep/x", &[4, 5]).unwrap();
    let x = x.compute_with(&SyncScheduler, &RunContext::default()).unwrap();
    assert_eq!(x.shape(), [7, 5]);
    assert!(x.iter().enumerate().all(|(i, &found)| found == i as f64 / 4.0), "{x}");
    let swapped = from_hdf5::<i64>(&path, "big-endian", 2).unwrap();
    let swapped = swapped.compute_with(&SyncScheduler, &RunContext::default()).unwrap();
    assert_eq!(swapped.as_slice(), Some(&[0, 1, 2][..]));
    let error = DatasetSource::<f64>::open(&path, "deep/y").err().unwrap().to_string();
    assert!(error.contains("there are: /big-endian, /deep/x, /table/columns/n"), "{error}");
}
