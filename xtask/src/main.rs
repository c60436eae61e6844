//! `cargo xtask`: prepares tools and calls cargo.
fn main() {}
