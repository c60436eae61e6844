//! Graphs of numbers whose tasks take their time: what comes out is known.

use std::sync::Arc;
use std::time::Duration;

use dask_core::layer::{Blockwise, Reduce};
use dask_core::{Call, Key, LayerGraph, LayerRef, TaskError, TaskFn, Value};
use serde::{Deserialize, Serialize};

/// Sleeps, and returns the sum of its inputs, or its number if it has none.
#[derive(Serialize, Deserialize)]
struct Slow {
    micros: u64,
}

impl TaskFn for Slow {
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        std::thread::sleep(Duration::from_micros(self.micros));
        let mut sum = if call.n_inputs() == 0 { u64::from(call.index()[0]) } else { 0 };
        for i in 0..call.n_inputs() {
            sum += call.get::<u64>(i)?;
        }
        Ok(Value::new(sum))
    }
}
dask_core::portable!(Slow as dyn TaskFn = "benches.slow");

/// The sum of the numbers below `n`, of so many at a time, in tasks that sleep; and its key. `called` tells graphs apart.
///
/// ```
/// use std::time::Duration;
/// use dask_benches::numbers::sum_below;
/// use dask_core::{RunContext, Scheduler};
/// let (graph, key) = sum_below(8, 2, Duration::ZERO, "a")?;
/// let found = dask_sched::SyncScheduler.run(&graph, &[key], &RunContext::default())?;
/// assert_eq!(found[0].get::<u64>()?, &28);
/// # Ok::<(), dask_core::Error>(())
/// ```
///
/// # Errors
/// None that is not a mistake here.
pub fn sum_below(n: u32, together: u32, sleep: Duration, called: &str) -> dask_core::Result<(LayerGraph, Key)> {
    let slow = || Arc::new(Slow { micros: sleep.as_micros() as u64 });
    let name = format!("number-{called}").as_str().into();
    let mut level = LayerRef::new(Blockwise::new(name, &[n], vec![], slow()), vec![]);
    let mut i = 0;
    while level.layer().shape()[0] > 1 {
        i += 1;
        let name = format!("sum{i}-{called}").as_str().into();
        let sums = Reduce::new(name, level.name().clone(), level.layer().shape(), &[together], slow());
        level = LayerRef::new(sums, vec![level]);
    }
    let key = level.keys().swap_remove(0);
    Ok((LayerGraph::new([&level])?, key))
}
