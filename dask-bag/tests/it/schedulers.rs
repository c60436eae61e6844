//! What results are compared on, besides sync.

use std::sync::Arc;

use dask_core::Scheduler;
use dask_sched::{RoundTripScheduler, ThreadedScheduler};

pub(crate) fn others() -> Vec<Arc<dyn Scheduler>> {
    vec![Arc::new(ThreadedScheduler::new(3)), Arc::new(RoundTripScheduler)]
}
