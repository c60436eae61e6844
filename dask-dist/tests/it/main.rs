//! Behaviour of the cluster.

mod cluster;
mod scheduler;
