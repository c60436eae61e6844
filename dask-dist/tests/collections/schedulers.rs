//! What results are compared on, besides sync: worker processes, and a cluster that checks itself after every event.

use std::sync::{Arc, OnceLock};

use dask_core::Scheduler;
use dask_dist::scheduler::Settings;
use dask_dist::{Client, LocalCluster, ProcessScheduler};

pub(crate) fn others() -> Vec<Arc<dyn Scheduler>> {
    static PROCESSES: OnceLock<Arc<ProcessScheduler>> = OnceLock::new();
    static CLUSTER: OnceLock<(LocalCluster, Arc<Client>)> = OnceLock::new();
    let processes = PROCESSES.get_or_init(|| Arc::new(ProcessScheduler::new(2)));
    let (_, client) = CLUSTER.get_or_init(|| {
        let settings = Settings { validate: true, ..Settings::default() };
        let cluster = LocalCluster::builder().workers(2).scheduler_settings(settings).start().unwrap();
        let client = Arc::new(cluster.client().unwrap());
        (cluster, client)
    });
    vec![processes.clone(), client.clone()]
}
