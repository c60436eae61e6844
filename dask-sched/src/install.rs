//! Becomes the default of `compute()`.

use std::sync::{Arc, Once};

use dask_core::install_scheduler;

use crate::{RoundTripScheduler, SyncScheduler, ThreadedScheduler};

/// Makes the schedulers of this crate known by name, once; threads become the default if nothing was installed before.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        install_scheduler(Arc::new(ThreadedScheduler::default()));
        install_scheduler(Arc::new(SyncScheduler));
        install_scheduler(Arc::new(RoundTripScheduler));
        #[cfg(feature = "rayon")]
        install_scheduler(Arc::new(crate::RayonScheduler));
    });
}
