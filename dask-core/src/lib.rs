//! The heart of Dask for Rust: keys, values, tasks, layers and graphs, and the narrow traits by which
//! schedulers, collections and formats meet. No threads, no sockets; no files, except those that a person names:
//! drawings, and configuration (feature `config-files`).

// What a result is called, and how equal computations get equal names.
mod key;
pub mod token;
// The value side.
mod data;
mod value;
// How things travel between processes.
pub mod wire;
// The function side, and graphs of tasks.
mod csr;
pub mod graph;
pub mod layer;
mod materialize;
pub mod optimize;
pub mod order;
mod task;
// What a user or an operator may choose.
pub mod config;
// The seams.
mod cancel;
mod collection;
mod default_scheduler;
pub mod delayed;
mod describe;
mod error;
mod observe;
mod panicked;
mod run_context;
mod run_scope;
mod scheduler;
mod sink;
mod source;
mod want;
// Laws.
#[cfg(feature = "testing")]
pub mod testing;
// Pictures.
pub mod visualize;

pub use cancel::{CancelGuard, CancelToken, with_cancel};
pub use collection::{Collection, compute};
pub use csr::{Csr, CsrBuf};
pub use data::Data;
pub use default_scheduler::{SchedulerGuard, current_scheduler, install_scheduler, scheduler_named, with_scheduler};
pub use delayed::Delayed;
pub use describe::{Describe, one_layer};
pub use error::{Error, Result, TaskError};
pub use graph::{Graph, TaskId};
pub use key::{Index, Key, KeyParseError, Name};
pub use layer::{Layer, LayerGraph, LayerRef};
pub use materialize::Plan;
pub use observe::{Observer, ObserverGuard, Progress, current_observers, with_observer};
pub use panicked::{Panicked, run_caught};
pub use run_context::RunContext;
pub use run_scope::{RunScope, RunScopeGuard};
pub use scheduler::Scheduler;
pub use sink::{ChunkSink, PartitionSink, Receipt};
pub use source::{ChunkSource, Items, PartitionSource, Region};
pub use task::{Call, Constant, TaskFn};
pub use token::{Token, Tokenize, Tokenizer};
pub use value::{Remote, Value};
pub use want::{Clause, Honours, Literal, Operator, Want};

#[doc(hidden)]
pub use linkme as __linkme;
