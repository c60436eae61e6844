//! Behaviour of the cluster.

mod client;
mod cluster;
mod fake;
mod frames;
mod handshake;
mod live;
mod scheduler;
mod transport;
mod worker;
