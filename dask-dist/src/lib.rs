//! The cluster: a scheduler, workers, and clients with futures; collections compute on it through
//! [`Scheduler`](dask_core::Scheduler).
//!
//! ```
//! use dask_dist::Client;
//! let client = Client::local()?; // or Client::connect("tcp://…")
//! let squares = client.map(|x: i64| x * x, 0..10)?;
//! let total = client.submit(|squares: Vec<i64>| squares.iter().sum::<i64>(), (squares,))?;
//! assert_eq!(total.result()?, 285);
//! # Ok::<(), dask_core::Error>(())
//! ```
//!
//! Features: `tls` (encryption, certificates), `dashboard` (pages and metrics), `profile` (call stacks of tasks, on Linux), `sim` (the same machines under virtual time and seeded faults), `cli` (the command `dask`).

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod error;

// What client, scheduler and workers say to each other.
pub mod protocol;
// How it becomes bytes, and travels.
pub mod transport;
pub mod wire;
// Who is trusted.
mod security;
// What operators are told.
pub mod log;
// What functions were seen in which: shared by those who look and those who add up.
mod call_tree;
// The pure machines.
pub mod scheduler;
pub mod worker;
// I/O around them.
pub mod shell;
// Futures of results on a cluster.
pub mod client;
// Starting clusters.
mod deploy;
// Pages and metrics.
#[cfg(feature = "dashboard")]
pub mod dashboard;
// The machines under virtual time and seeded faults.
#[cfg(feature = "sim")]
pub mod sim;

pub use client::{
    Actor, ActorFuture, Answer, AsCompleted, Client, Computation, Event, Future, Lease, Lock, Method, Options,
    Publisher, Queue, Semaphore, Spread, Status, Subscription, Variable, as_completed,
};
pub use deploy::{
    Adapter, Adapting, Adaptive, Advice, Deploy, LocalCluster, LocalClusterBuilder, ProcessScheduler, Watched, init,
    install, run_scheduler, run_worker, send_obituary,
};
pub use error::DistError;
pub use security::Security;
