//! Tools that a build needs and a fresh machine may lack.

mod cmake;

pub(crate) use cmake::put_cmake_on_path;
