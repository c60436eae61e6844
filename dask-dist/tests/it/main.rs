//! Behaviour of the cluster.

mod actors;
mod adaptive;
#[cfg(feature = "tls")]
mod authority;
mod client;
mod cluster;
#[cfg(all(unix, feature = "cli"))]
mod command;
mod coordinate;
#[cfg(feature = "dashboard")]
mod dashboard;
#[cfg(all(unix, feature = "cli"))]
mod deploy_files;
mod fake;
#[cfg(unix)]
mod faults;
mod frames;
mod handshake;
mod live;
mod memory_manager;
#[cfg(all(unix, feature = "cli"))]
mod pressure;
#[cfg(all(
    feature = "dashboard",
    feature = "profile",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod profile;
mod published;
mod restart;
mod scheduler;
mod security;
#[cfg(feature = "sim")]
mod sim;
mod transport;
mod worker;
