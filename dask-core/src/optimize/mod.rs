//! Passes over layers, in the order in which they run. Each is a no-op on results.
//!
//! 1. [`cull`]: layers that no output needs go; tasks that no output needs go when layers become tasks.
//! 2. [`inline`]: small constants move into the functions that use them.
//! 3. [`fuse`]: layers that hand their blocks one to one to a single other layer become one layer.

mod cull;
mod draft;
mod fuse;
mod fused;
mod inline;

pub use cull::cull;
pub use fuse::fuse;
pub use fused::Fused;
pub use inline::inline;

use crate::key::Key;
use crate::layer::LayerGraph;

/// Runs all passes.
pub fn optimize(graph: &LayerGraph, outputs: &[Key]) -> LayerGraph {
    fuse(&inline(&cull(graph, outputs), outputs), outputs)
}
