//! Behaviour of the cluster.

mod scheduler;
