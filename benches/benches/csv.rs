//! Reading the accounts' CSV: all of it, one column, and grouped; from the page cache.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dask_benches::data::{Options, make};
use dask_core::{Collection, RunContext, Scheduler};
use dask_frame::{DataFrame, col};
use dask_io::csv::CsvOptions;
use dask_io::frame::read_csv;
use dask_sched::{SyncScheduler, ThreadedScheduler};

fn csv(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a place for files");
    let options = Options { folder: folder.path().into(), scale: 0.1, seed: 42 };
    make(&options).expect("sample data");
    let pattern = folder.path().join("accounts.*.csv").display().to_string();
    let nbytes: u64 =
        (0..3).map(|i| folder.path().join(format!("accounts.{i}.csv")).metadata().map_or(0, |found| found.len())).sum();
    let accounts = || read_csv(&pattern, CsvOptions::default()).expect("accounts");
    let context = RunContext::default();

    let mut group = c.benchmark_group("csv");
    group.throughput(Throughput::Bytes(nbytes)).sample_size(20);
    let threads = ThreadedScheduler::new(2);
    let schedulers: [&dyn Scheduler; 2] = [&SyncScheduler, &threads];
    for scheduler in schedulers {
        let compute = |frame: DataFrame| frame.compute_with(scheduler, &context).expect("a table");
        assert_eq!(compute(accounts()).num_rows(), 300_000);
        let name = scheduler.name();
        group.bench_function(format!("all columns, {name}"), |b| b.iter(|| compute(accounts())));
        group.bench_function(format!("one column, {name}"), |b| {
            b.iter(|| compute(accounts().select(&["amount"]).expect("a column")));
        });
        group.bench_function(format!("grouped by name, {name}"), |b| {
            b.iter(|| compute(accounts().group_by(&["names"]).agg(&[col("amount").sum()]).expect("a sum")));
        });
    }
    group.finish();
}

criterion_group!(benches, csv);
criterion_main!(benches);
