//! The standard shapes of graphs.

use std::time::Duration;

use super::dice::Dice;
use super::workload::{OWN, Stage, Work, Workload};

/// `n` independent tasks and one that takes them all.
pub fn merge(n: u32, time: Duration, nbytes: u64) -> Workload {
    let mut all = Workload::default();
    let parts = all.stage("part", &[], n, time, nbytes, |_| Vec::new());
    all.stage("merge", &[parts], 1, time, 8, |_| (0..n).map(|i| (0, i)).collect());
    all.wanting_last()
}

/// One task that makes something large, and `n` that need it.
pub fn broadcast(n: u32, time: Duration, nbytes: u64) -> Workload {
    let mut all = Workload::default();
    let one = all.stage("one", &[], 1, Duration::from_millis(1), nbytes, |_| Vec::new());
    all.stage("user", &[one], n, time, 8, |_| vec![(0, 0)]);
    all.wanting_last()
}

/// A binary reduction of `2^height` leaves.
pub fn tree(height: u32, time: Duration, nbytes: u64) -> Workload {
    let mut all = Workload::default();
    let mut last = all.stage("leaf", &[], 1 << height, time, nbytes, |_| Vec::new());
    for level in (0..height).rev() {
        let name = format!("sum-{level}");
        last = all.stage(&name, &[last], 1 << level, time, nbytes, |i| vec![(0, 2 * i), (0, 2 * i + 1)]);
    }
    all.wanting_last()
}

/// Independent tasks whose durations are exponentially distributed around `mean`, at most ten times that.
pub fn skewed(n: u32, mean: Duration, nbytes: u64, seed: u64) -> Workload {
    let mut dice = Dice::new(seed, 3);
    let mut all = Workload::default();
    all.stage("skewed", &[], n, mean, nbytes, |_| Vec::new());
    for work in &mut all.stages[0].tasks {
        work.time = mean.mul_f64((-(1.0 - dice.unit()).ln()).min(10.0));
    }
    all.wanting_last()
}

/// `width` points, each step of each reads itself and its neighbours.
pub fn stencil_1d(width: u32, steps: u32, time: Duration, nbytes: u64) -> Workload {
    let mut all = Workload::default();
    let mut last = all.stage("start", &[], width, time, nbytes, |_| Vec::new());
    for step in 0..steps {
        let near = |i: u32| (i.saturating_sub(1)..=(i + 1).min(width - 1)).map(|j| (0, j)).collect();
        last = all.stage(&format!("step-{step}"), &[last], width, time, nbytes, near);
    }
    all.wanting_last()
}

/// A square of `side` times `side` points, each step of each reads itself and four neighbours.
pub fn stencil_2d(side: u32, steps: u32, time: Duration, nbytes: u64) -> Workload {
    let mut all = Workload::default();
    let mut last = all.stage("start", &[], side * side, time, nbytes, |_| Vec::new());
    for step in 0..steps {
        let near = |i: u32| {
            let (y, x) = (i / side, i % side);
            let mut edges = vec![(0, i)];
            edges.extend((0 < y).then(|| (0, i - side)));
            edges.extend((0 < x).then(|| (0, i - 1)));
            edges.extend((x + 1 < side).then_some((0, i + 1)));
            edges.extend((y + 1 < side).then_some((0, i + side)));
            edges
        };
        last = all.stage(&format!("step-{step}"), &[last], side * side, time, nbytes, near);
    }
    all.wanting_last()
}

/// Every one of `n` parts is split, and every new part takes a piece of each.
pub fn shuffle(n: u32, time: Duration, nbytes: u64) -> Workload {
    let mut all = Workload::default();
    let parts = all.stage("part", &[], n, time, nbytes, |_| Vec::new());
    let piece = nbytes / u64::from(n.max(1));
    let split = all.stage("split", &[parts], n * n, time / n.max(1), piece, |i| vec![(0, i / n)]);
    all.stage("join", &[split], n, time, nbytes, |i| (0..n).map(|from| (0, from * n + i)).collect());
    all.wanting_last()
}

/// Blocks of a tall matrix: factored each, the small factors reduced by fours, and the result applied to every block.
pub fn svd(n: u32, time: Duration, nbytes: u64) -> Workload {
    let mut all = Workload::default();
    let blocks = all.stage("block", &[], n, time, nbytes, |_| Vec::new());
    let factors = all.stage("factor", &[blocks], n, time, nbytes / 16, |i| vec![(0, i)]);
    let (mut last, mut width, mut level) = (factors, n, 0);
    while 1 < width {
        let (below, now) = (width, width.div_ceil(4));
        let near = |i: u32| (4 * i..(4 * i + 4).min(below)).map(|j| (0, j)).collect();
        last = all.stage(&format!("reduce-{level}"), &[last], now, time, nbytes / 16, near);
        (width, level) = (now, level + 1);
    }
    all.stage("apply", &[blocks, last], n, time, nbytes / 4, |i| vec![(0, i), (1, 0)]);
    all.wanting_last()
}

/// A window over `n` parts: each result reads its part and the two before it.
pub fn rolling(n: u32, time: Duration, nbytes: u64) -> Workload {
    let mut all = Workload::default();
    let parts = all.stage("part", &[], n, time, nbytes, |_| Vec::new());
    all.stage("mean", &[parts], n, time, nbytes / 8, |i| (i.saturating_sub(2)..=i).map(|j| (0, j)).collect());
    all.wanting_last()
}

/// Butterflies over `2^height` points.
pub fn fft(height: u32, time: Duration, nbytes: u64) -> Workload {
    let n = 1 << height;
    let mut all = Workload::default();
    let mut last = all.stage("start", &[], n, time, nbytes, |_| Vec::new());
    for level in 0..height {
        let near = |i: u32| vec![(0, i), (0, i ^ (1 << level))];
        last = all.stage(&format!("fly-{level}"), &[last], n, time, nbytes, near);
    }
    all.wanting_last()
}

/// A graph of some stages with any edges, durations, sizes and now and then a task that fails.
pub fn random(seed: u64) -> Workload {
    let mut dice = Dice::new(seed, 4);
    let mut all = Workload::default();
    let failing = dice.one_in(4);
    for at in 0..dice.between(1, 6) as usize {
        let inputs: Vec<usize> = (0..at).filter(|_| !dice.one_in(3)).collect();
        let n = dice.between(1, 24) as u32;
        let (millis, scale) = (dice.between(1, 800), 1u64 << dice.between(3, 24));
        let tasks = (0..n)
            .map(|position| {
                let mut dependencies: Vec<(u32, u32)> = Vec::new();
                for (number, &input) in (0u32..).zip(&inputs) {
                    for _ in 0..dice.below(4) {
                        dependencies.push((number, dice.below(all.stages[input].tasks.len() as u64) as u32));
                    }
                }
                if 0 < position && dice.one_in(4) {
                    dependencies.push((OWN, dice.below(u64::from(position)) as u32));
                }
                let time = Duration::from_micros(dice.between(1, 1000 * millis));
                Work {
                    dependencies,
                    time,
                    nbytes: dice.between(1, scale),
                    fails: failing && dice.one_in(40),
                    kills: false,
                }
            })
            .collect();
        all.stages.push(Stage { name: format!("stage-{at}"), inputs, tasks });
    }
    for (at, stage) in all.stages.iter().enumerate() {
        let wanted = (0..stage.tasks.len() as u32).filter(|_| dice.one_in(4));
        all.outputs.extend(wanted.map(|position| (at, position)));
    }
    if all.outputs.is_empty() {
        all = all.wanting_last();
    }
    all
}
