//! Tools and libraries that a build needs and a fresh machine may lack.

mod cmake;
mod hdf5;
mod peers;

pub(crate) use hdf5::{Hdf5, Wish};
pub(crate) use peers::peers;

/// The first three numbers of a version such as `3.26.4-rc1`; what is missing or none is 0.
fn numbers(version: &str) -> (u32, u32, u32) {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}
