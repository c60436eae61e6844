//! More than fits into a worker's memory.

use dask_array::Array;
use dask_core::{Collection, RunContext};
use dask_dist::Client;

use crate::command::{Running, scheduler};

const MIB: u64 = 1 << 20;

#[test]
fn a_reduction_over_four_times_the_memory_ends_without_a_death() {
    let limit = 160 * MIB;
    let (_scheduler, address) = scheduler();
    let _worker = Running::start(&["worker", &address, "--memory-limit", "160MiB", "--nthreads", "2"]);
    let client = Client::connect(&address).unwrap();
    client.wait_for_workers(1).wait().unwrap();
    let process = client.workers().wait().unwrap()[0].process;
    // 160 chunks of 4 MiB: 640 MiB, all of them wanted until the end.
    let n = 80 * MIB as i64;
    let x = Array::<f64>::arange(0.0, n as f64, 1.0, &[MIB as usize / 2][..]).unwrap();
    let x = client.persist(&x).unwrap();
    let mean = x.mean(None, false).unwrap();
    let far = (&x - &mean).max(None, false).unwrap();
    let (mean, far) = (mean, far).compute_with(&client, &RunContext::default()).unwrap();
    assert_eq!(mean.first(), Some(&((n - 1) as f64 / 2.0)));
    assert_eq!(far.first(), Some(&((n - 1) as f64 / 2.0)));
    let after = client.workers().wait().unwrap()[0].clone();
    assert_eq!(after.process, process, "the nanny has not started it again");
    assert!(limit * 3 < after.metrics.spilled, "{} MiB on disk", after.metrics.spilled / MIB);
}
