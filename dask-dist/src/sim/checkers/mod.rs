//! What must hold of a run, read from outside.

pub(super) mod liveness;
pub(super) mod memory;
pub(super) mod results;
