//! Tools that a build needs and a fresh machine may lack.

mod cmake;
mod peers;

pub(crate) use cmake::put_cmake_on_path;
pub(crate) use peers::peers;
