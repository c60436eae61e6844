//! Behaviour of the cluster.

mod cluster;
mod frames;
mod handshake;
mod scheduler;
mod transport;
