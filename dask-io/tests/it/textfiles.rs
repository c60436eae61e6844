//! Bags into files of lines, and back.

use dask_bag::Bag;
use dask_core::{Collection, RunContext, Scheduler};
use dask_io::bag::{read_json_lines, read_text, to_json_lines, to_textfiles};
use dask_io::json_lines::OnError;
use dask_sched::{RoundTripScheduler, SyncScheduler, ThreadedScheduler};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    #[test]
    fn what_is_written_is_read_on_every_scheduler(
        lines in proptest::collection::vec("[^\r\n]{0,20}", 0..40),
        n_partitions in 1usize..12,
        ending in prop_oneof![Just("txt"), Just("txt.gz")],
    ) {
        let folder = tempfile::tempdir().unwrap();
        let schedulers: [&dyn Scheduler; 3] = [&SyncScheduler, &ThreadedScheduler::new(3), &RoundTripScheduler];
        let context = RunContext::default();
        for (i, scheduler) in schedulers.into_iter().enumerate() {
            let bag = Bag::from_sequence(lines.clone(), n_partitions);
            let pattern = folder.path().join(format!("{i}/lines-*.{ending}"));
            let pattern = pattern.to_str().unwrap();
            let n = to_textfiles(&bag, pattern).unwrap().compute_with(scheduler, &context).unwrap();
            prop_assert_eq!(n as usize, lines.len());
            prop_assert_eq!(std::fs::read_dir(folder.path().join(i.to_string())).unwrap().count(), bag.n_partitions());
            prop_assert_eq!(&read_text(pattern, Some(7)).unwrap().compute_with(scheduler, &context).unwrap(), &lines);

            let values: Vec<(String, Option<f64>)> = lines.iter().map(|line| (format!("{line}\n"), line.parse().ok())).collect();
            let bag = Bag::from_sequence(values.clone(), n_partitions);
            let pattern = folder.path().join(format!("{i}/values.*.json"));
            let pattern = pattern.to_str().unwrap();
            to_json_lines(&bag, pattern).unwrap().compute_with(scheduler, &context).unwrap();
            let back = read_json_lines::<(String, Option<f64>)>(pattern, None, OnError::Raise).unwrap();
            prop_assert_eq!(back.compute_with(scheduler, &context).unwrap(), values);
        }
    }
}

#[test]
fn fewer_files_replace_more_and_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let pattern = folder.path().join("part-*.txt");
    let pattern = pattern.to_str().unwrap();
    let write = |n: i64, n_partitions: usize| {
        let bag = Bag::from_sequence((0..n).map(|i| i.to_string()), n_partitions);
        to_textfiles(&bag, pattern).unwrap().compute_with(&SyncScheduler, &RunContext::default()).unwrap()
    };
    for name in ["part-x.txt", "part-1.txt", "part-000001.csv"] {
        std::fs::write(folder.path().join(name), name).unwrap();
    }
    assert_eq!((write(100, 20), write(3, 2)), (100, 3));
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["part-000000.txt", "part-000001.csv", "part-000001.txt", "part-1.txt", "part-x.txt"]);
}

#[test]
fn what_pandas_wrote_is_read() {
    #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Row {
        id: i64,
        name: Option<String>,
        amount: Option<f64>,
    }
    dask_core::data!(Row);
    let path = format!("{}/tests/fixtures/pandas.json", env!("CARGO_MANIFEST_DIR"));
    let rows = read_json_lines::<Row>(&path, None, OnError::Raise).unwrap();
    let found = rows.compute_with(&RoundTripScheduler, &RunContext::default()).unwrap();
    let row = |id, name: Option<&str>, amount| Row { id, name: name.map(str::to_owned), amount };
    let expected = [
        row(0, Some("say \"hi\""), Some(0.1)),
        row(1, Some("a,b"), None),
        row(2, None, Some(-2.5e-300)),
        row(3, Some("Čapek\nand Co"), Some(1e300)),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_pattern_has_one_star_in_the_name() {
    let bag = Bag::from_sequence(["a".to_owned()], 1);
    for pattern in ["out.txt", "a*b*.txt", "*/out.txt"] {
        let error = to_textfiles(&bag, pattern).err().unwrap().to_string();
        assert!(error.contains("one `*` in the file name"), "{error}");
    }
}
