//! Graphs of large blocks that become numbers: what is alive at once is up to whoever runs them.

use std::sync::Arc;
use std::time::Instant;

use dask_core::layer::{BlockInput, Blockwise, Reduce};
use dask_core::{Call, Key, LayerGraph, LayerRef, TaskError, TaskFn, Value};
use serde::{Deserialize, Serialize};

use crate::processes::{forget_peaks, peak_megabytes, resident_megabytes};
use crate::rows::Row;
use crate::timing::{median, rounds};

/// Bytes of a block.
pub const NBYTES: usize = 16 << 20;

/// Block number `i`: its bytes are `i` modulo 251.
#[must_use]
pub fn block(i: i64) -> Vec<u8> {
    vec![i.rem_euclid(251) as u8; NBYTES]
}

/// The sum of all bytes.
#[must_use]
pub fn total(block: &[u8]) -> u64 {
    block.chunks(128).map(|some| u64::from(some.iter().map(|&x| u16::from(x)).sum::<u16>())).sum()
}

/// What the sum over the first `n` blocks is.
///
/// ```
/// use dask_benches::blocks::{block, expected, total};
/// assert_eq!(total(&block(1)) + total(&block(250)), expected(251) - expected(250) + expected(2));
/// ```
#[must_use]
pub fn expected(n: u32) -> u64 {
    (0..u64::from(n)).map(|i| i % 251 * NBYTES as u64).sum()
}

#[derive(Serialize, Deserialize)]
struct Make;

impl TaskFn for Make {
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        Ok(Value::new(block(i64::from(call.index()[0]))))
    }
}
dask_core::portable!(Make as dyn TaskFn = "benches.block");

#[derive(Serialize, Deserialize)]
struct Total;

impl TaskFn for Total {
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        Ok(Value::new(total(call.get::<Vec<u8>>(0)?)))
    }
}
dask_core::portable!(Total as dyn TaskFn = "benches.total");

#[derive(Serialize, Deserialize)]
struct Sum;

impl TaskFn for Sum {
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        let mut sum = 0u64;
        for i in 0..call.n_inputs() {
            sum += call.get::<u64>(i)?;
        }
        Ok(Value::new(sum))
    }
}
dask_core::portable!(Sum as dyn TaskFn = "benches.sum");

/// What the sum over a hundred blocks takes of `processes`: time, and memory at its peak over that of a block on each of
/// `n_threads`. `run` is given the graph.
///
/// # Errors
/// What `run` says; a sum that is wrong.
pub fn measure_reduction(
    n_repeats: usize,
    processes: &[u32],
    n_threads: usize,
    mut run: impl FnMut(&LayerGraph, &Key) -> dask_core::Result<Vec<Value>>,
) -> Result<Vec<Row>, Box<dyn std::error::Error>> {
    const N: u32 = 100;
    let ideal = (n_threads * NBYTES) as f64 / 1e6;
    let before = resident_megabytes(processes);
    let mut round = 0;
    let found = rounds("reduction of blocks", n_repeats, || {
        round += 1;
        let (graph, key) = reduction(N, &round.to_string())?;
        forget_peaks(processes);
        let start = Instant::now();
        let values = run(&graph, &key)?;
        let seconds = start.elapsed().as_secs_f64();
        if values[0].get::<u64>()? != &expected(N) {
            return Err("the sum is wrong".into());
        }
        Ok((seconds, (peak_megabytes(processes) - before) / ideal))
    })?;
    let (times, peaks) = found.into_iter().unzip();
    Ok(vec![
        Row::cost("100 blocks of 16 MiB to a number: time", "s", median(times)),
        Row::cost("100 blocks of 16 MiB to a number: peak over ideal", "x", median(peaks)),
    ])
}

/// The sum over `n` blocks, each made by one task and summed by another, and its key; `called` tells graphs apart.
///
/// # Errors
/// None that is not a mistake here.
pub fn reduction(n: u32, called: &str) -> dask_core::Result<(LayerGraph, Key)> {
    let name = |what: &str| format!("{what}-{called}").as_str().into();
    let blocks = LayerRef::new(Blockwise::new(name("block"), &[n], vec![], Arc::new(Make)), vec![]);
    let inputs = vec![BlockInput::aligned(blocks.name().clone(), &[n])];
    let totals = LayerRef::new(Blockwise::new(name("total"), &[n], inputs, Arc::new(Total)), vec![blocks]);
    let sum = Reduce::new(name("sum"), totals.name().clone(), &[n], &[n], Arc::new(Sum));
    let sum = LayerRef::new(sum, vec![totals]);
    let key = sum.keys().swap_remove(0);
    Ok((LayerGraph::new([&sum])?, key))
}
