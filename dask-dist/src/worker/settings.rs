//! What an operator may choose.

/// A worker's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Tasks that run at a time.
    pub n_threads: u32,
    /// Bytes it may use; 0 if unlimited.
    pub memory_limit: u64,
    /// Values in memory beyond this share of the limit go to disk, those that were used least recently first.
    pub target: f64,
    /// If the process takes more than this share of the limit, values go to disk until it should be at `target`.
    pub spill: f64,
    /// Beyond this share of the limit nothing new starts, but one task at a time; until it is below `spill`.
    pub pause: f64,
    /// Whether the process is the worker's alone, so that its resident memory counts.
    pub own_process: bool,
    /// Bytes asked for in one request, unless a single value is larger.
    pub fetch_bytes_max: u64,
    /// Requests under way to one peer.
    pub fetches_per_peer: u32,
    /// Requests under way to all peers.
    pub fetches_max: u32,
    /// Check all invariants after every event: for tests.
    pub validate: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            n_threads: 1,
            memory_limit: 0,
            target: 0.6,
            spill: 0.7,
            pause: 0.8,
            own_process: true,
            fetch_bytes_max: 64 << 20,
            fetches_per_peer: 2,
            fetches_max: 32,
            validate: false,
        }
    }
}
