//! The order keeps no more values alive than Dask's own does, on the classic shapes.

use dask_core::CsrBuf;
use dask_core::order::{order, peak_live};
use proptest::prelude::*;

type Tasks = Vec<Vec<u32>>;

// The same formulas as in fixtures/order/make.py, which says what each is.

fn chain(n: u32) -> Tasks {
    (0..n).map(|i| i.checked_sub(1).into_iter().collect()).collect()
}

fn tree(height: u32) -> Tasks {
    let mut tasks: Tasks = vec![vec![]; 1 << height];
    let (mut level, mut n) = (0, 1 << height);
    while n > 1 {
        let first = tasks.len() as u32;
        tasks.extend((0..n / 2).map(|i| vec![level + 2 * i, level + 2 * i + 1]));
        (level, n) = (first, n / 2);
    }
    tasks
}

fn stencil(width: u32, steps: u32) -> Tasks {
    let mut tasks: Tasks = vec![vec![]; width as usize];
    for step in 1..steps {
        let base = (step - 1) * width;
        tasks.extend((0..width).map(|i| (i.saturating_sub(1)..(i + 2).min(width)).map(|j| base + j).collect()));
    }
    tasks
}

fn grid(side: u32) -> Tasks {
    let left = |i: u32| (!i.is_multiple_of(side)).then(|| i - 1);
    (0..side * side).map(|i| left(i).into_iter().chain(i.checked_sub(side)).collect()).collect()
}

fn merge(n: u32) -> Tasks {
    (0..n).map(|_| vec![]).chain([(0..n).collect()]).collect()
}

fn shuffle(n: u32) -> Tasks {
    let inputs = (0..n).map(|_| vec![]);
    let splits = (0..n * n).map(|i| vec![i / n]);
    let outputs = (0..n).map(|j| (0..n).map(|i| n + i * n + j).collect());
    inputs.chain(splits).chain(outputs).collect()
}

fn centred(rows: u32, columns: u32) -> Tasks {
    let n = rows * columns;
    let partial = (0..n).map(|i| vec![i]);
    let means = (0..rows).map(|r| (0..columns).map(|c| n + r * columns + c).collect());
    let differences = (0..n).map(|i| vec![i, 2 * n + i / columns]);
    let last = vec![(0..n).map(|i| 2 * n + rows + i).collect()];
    (0..n).map(|_| vec![]).chain(partial).chain(means).chain(differences).chain(last).collect()
}

fn transposed(n: u32) -> Tasks {
    let sums = (0..n * n).map(|i| vec![i, i % n * n + i / n]);
    let parts = (0..n * n).map(|i| vec![n * n + i]);
    let last = vec![(0..n * n).map(|i| 2 * n * n + i).collect()];
    (0..n * n).map(|_| vec![]).chain(sums).chain(parts).chain(last).collect()
}

fn tsqr(n: u32) -> Tasks {
    let mut tasks: Tasks = vec![vec![]; n as usize];
    tasks.extend((0..n).map(|i| vec![i]));
    (0..2).for_each(|_| tasks.extend((0..n).map(|i| vec![n + i])));
    tasks.push((0..n).map(|i| 3 * n + i).collect());
    tasks.extend((0..n).map(|_| vec![4 * n]));
    tasks.extend((0..n).map(|i| vec![2 * n + i, 4 * n + 1 + i]));
    tasks.push((0..n).map(|i| 5 * n + 1 + i).collect());
    tasks
}

fn scattered(n: u32) -> Tasks {
    let mut state = 12345u64;
    (0..n)
        .map(|i| {
            let mut dependencies = Vec::new();
            for _ in 0..3 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                if i > 0 && !(state >> 33).is_multiple_of(3) {
                    dependencies.push(i - 1 - ((state >> 40) % u64::from(i.min(30))) as u32);
                }
            }
            dependencies.sort_unstable();
            dependencies.dedup();
            dependencies
        })
        .collect()
}

fn peak(tasks: &Tasks) -> usize {
    let dependencies = CsrBuf::from_lists(tasks);
    let dependents = dependencies.view().transposed();
    let rank = order(dependencies.view(), dependents.view()).unwrap();
    peak_live(dependencies.view(), dependents.view(), &rank)
}

#[test]
fn no_more_values_are_alive_than_with_dask() {
    let dask = include_str!("../fixtures/order/dask.txt");
    let mut worse = Vec::new();
    for line in dask.lines() {
        let (name, theirs) = line.split_once(' ').unwrap();
        let tasks = match name {
            "chain" => chain(1000),
            "tree" => tree(13),
            "stencil" => stencil(100, 100),
            "grid" => grid(60),
            "merge" => merge(500),
            "shuffle" => shuffle(20),
            "centred" => centred(10, 8),
            "transposed" => transposed(12),
            "tsqr" => tsqr(40),
            "scattered" => scattered(2000),
            other => panic!("no shape is called {other}"),
        };
        let (ours, theirs) = (peak(&tasks), theirs.parse().unwrap());
        println!("{name}: {ours}, Dask {theirs}");
        if ours > theirs {
            worse.push(format!("{name}: {ours} > {theirs}"));
        }
    }
    assert_eq!(worse, Vec::<String>::new());
}

#[test]
fn small_and_deep_graphs() {
    assert_eq!(peak(&vec![]), 0);
    assert_eq!(peak(&vec![vec![]]), 1);
    assert_eq!(peak(&chain(1_000_000)), 2);
    assert_eq!(peak(&vec![vec![]; 100]), 1);
}

proptest! {
    #[test]
    fn dependencies_come_first(lists in proptest::collection::vec(proptest::collection::vec(any::<u32>(), 0..5), 1..200), shift in any::<u32>()) {
        // Numbers are permuted, so that they are in no helpful order.
        let n = lists.len() as u32;
        let moved = |t: u32| (t + shift % n) % n;
        let mut tasks = vec![vec![]; n as usize];
        for (i, list) in lists.iter().enumerate() {
            tasks[moved(i as u32) as usize] = if i == 0 { vec![] } else { list.iter().map(|d| moved(d % i as u32)).collect() };
        }
        let dependencies = CsrBuf::from_lists(&tasks);
        let dependents = dependencies.view().transposed();
        let rank = order(dependencies.view(), dependents.view()).unwrap();
        let mut seen = rank.clone();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..n).collect::<Vec<_>>());
        for (task, list) in tasks.iter().enumerate() {
            prop_assert!(list.iter().all(|&d| rank[d as usize] < rank[task]));
        }
        prop_assert_eq!(order(dependencies.view(), dependents.view()).unwrap(), rank);
    }
}
