//! Counting words and numbers in bags, beside a plain loop over a table.

use std::collections::HashMap;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dask_bag::Bag;
use dask_core::{Collection, RunContext, Scheduler};
use dask_sched::{SyncScheduler, ThreadedScheduler};

const N: i64 = 1_000_000;

fn numbers(c: &mut Criterion) {
    let plain = || {
        let mut table = HashMap::<i64, u64>::new();
        (0..black_box(N)).for_each(|x| *table.entry(x * 7919 % 1000).or_default() += 1);
        table.into_iter().collect()
    };
    compare(c, "frequencies of numbers", &Bag::range(N, 16).map(|x| x * 7919 % 1000).frequencies(), plain);
}

fn words(c: &mut Criterion) {
    let words: Vec<String> = (0..N / 5).map(|i| format!("account-{}", i * 7919 % 5000)).collect();
    let counted = Bag::from_sequence(words.clone(), 16).frequencies();
    let plain = || {
        let mut table = HashMap::<String, u64>::new();
        black_box(&words).iter().for_each(|word| match table.get_mut(word) {
            Some(n) => *n += 1,
            None => drop(table.insert(word.clone(), 1)),
        });
        table.into_iter().collect()
    };
    compare(c, "frequencies of words", &counted, plain);
}

fn compare<T: Ord + std::fmt::Debug, C: Collection<Output = Vec<(T, u64)>>>(
    c: &mut Criterion,
    name: &str,
    bag: &C,
    plain: impl Fn() -> Vec<(T, u64)>,
) {
    let sorted = |mut counts: Vec<(T, u64)>| {
        counts.sort();
        counts
    };
    let expected = sorted(plain());
    let n_items = expected.iter().map(|(_, n)| n).sum();
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(n_items)).sample_size(20);
    group.bench_function("a loop", |b| b.iter(&plain));
    let schedulers: [&dyn Scheduler; 2] = [&SyncScheduler, &ThreadedScheduler::new(2)];
    for scheduler in schedulers {
        let compute = || bag.compute_with(scheduler, &RunContext::default()).expect("counts");
        assert_eq!(sorted(compute()), expected, "{name}");
        group.bench_function(scheduler.name(), |b| b.iter(compute));
    }
    group.finish();
}

criterion_group!(benches, numbers, words);
criterion_main!(benches);
