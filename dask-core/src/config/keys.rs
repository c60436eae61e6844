//! The keys that are known.

use super::merge::{Origin, Setting};

/// A key that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyDoc {
    /// The key.
    pub key: &'static str,
    /// Its default; empty if there is none.
    pub default: &'static str,
    /// What it says.
    pub doc: &'static str,
}

const fn key(key: &'static str, default: &'static str, doc: &'static str) -> KeyDoc {
    KeyDoc { key, default, doc }
}

const KEYS: &[KeyDoc] = &[
    key("scheduler", "", "which scheduler computes: sync, threads, rayon, processes"),
    key("num-workers", "", "threads or processes of the local schedulers; one a core if not given"),
    key("temporary-directory", "", "where values are spilled and parts are written"),
    key("memory-budget", "", "bytes of live values above which the threads scheduler starts no new source task"),
    key("distributed.scheduler.allowed-failures", "3", "workers that may die under a task before it is given up"),
    key("distributed.scheduler.worker-saturation", "1.1", "root tasks given to a worker, by thread"),
    key("distributed.scheduler.worker-ttl", "30 s", "silence after which a worker is taken for dead"),
    key("distributed.scheduler.bandwidth", "500 MB", "assumed bytes a second between workers"),
    key("distributed.scheduler.no-workers-timeout", "", "how long a task waits for a worker that may run it"),
    key("distributed.scheduler.tasks-limit", "20000000", "tasks that the scheduler knows, at most"),
    key("distributed.scheduler.stuck-after", "60 s", "how long something may not move before it is reported"),
    key("distributed.scheduler.locks.lease-timeout", "30 s", "silence after which what a client has locked is free"),
    key("distributed.scheduler.item-limit", "16 MiB", "bytes of one item in a variable, a queue or a message, at most"),
    key("distributed.scheduler.active-memory-manager.start", "true", "whether copies that nobody needs are dropped"),
    key("distributed.scheduler.active-memory-manager.interval", "2 s", "how often they are looked for"),
    key(
        "distributed.scheduler.active-memory-manager.measure",
        "optimistic",
        "how full workers are: managed, process or optimistic",
    ),
    key("distributed.scheduler.dashboard.tls.cert", "", "the dashboard's certificate, PEM: it is served as https then"),
    key("distributed.scheduler.dashboard.tls.key", "", "its private key"),
    key(
        "distributed.scheduler.dashboard.tls.ca-file",
        "",
        "certificates of the authorities that sign for those who may look, who are asked for theirs then, PEM",
    ),
    key("distributed.adaptive.minimum", "0", "workers of a cluster that is scaled by itself, at least"),
    key("distributed.adaptive.maximum", "", "and at most"),
    key("distributed.adaptive.interval", "1 s", "how often it is looked whether to scale"),
    key("distributed.adaptive.target-duration", "5 s", "in how long the work that is there is to be done"),
    key("distributed.adaptive.wait-count", "3", "times in a row a worker must be idle before it is retired"),
    key("distributed.worker.memory.target", "0.6", "share of memory above which values go to disk"),
    key(
        "distributed.worker.memory.spill",
        "0.7",
        "share of memory, by the system's count, above which values go to disk",
    ),
    key("distributed.worker.memory.pause", "0.8", "share of memory above which no new task starts"),
    key("distributed.worker.memory.terminate", "0.95", "share of memory above which the nanny restarts the worker"),
    key("distributed.worker.drain-timeout", "4 min", "time for a worker that is to stop to hand its values over"),
    key("distributed.worker.profile.enabled", "false", "whether workers sample the call stacks of tasks, by signals"),
    key("distributed.worker.profile.interval", "10 ms", "how often they do"),
    key("distributed.comm.timeouts.connect", "30 s", "time to establish a connection"),
    key("distributed.comm.timeouts.handshake", "10 s", "time for the first words"),
    key("distributed.comm.token-file", "", "file with the token that all processes of the cluster know"),
    key("distributed.comm.require-encryption", "false", "whether nothing may start without certificates"),
    key("distributed.comm.tls.ca-file", "", "certificates of the authorities that sign for the cluster, PEM"),
    key("distributed.comm.tls.scheduler.cert", "", "the scheduler's certificate, PEM"),
    key("distributed.comm.tls.scheduler.key", "", "its private key"),
    key("distributed.comm.tls.worker.cert", "", "a worker's certificate, PEM"),
    key("distributed.comm.tls.worker.key", "", "its private key"),
    key("distributed.comm.tls.client.cert", "", "a client's certificate, PEM"),
    key("distributed.comm.tls.client.key", "", "its private key"),
];

/// The keys that are known, with defaults.
pub fn keys() -> &'static [KeyDoc] {
    KEYS
}

pub(super) fn default_of(key: &str) -> Option<Setting> {
    let known = KEYS.iter().find(|known| known.key == key)?;
    (!known.default.is_empty()).then(|| Setting { value: known.default.to_owned(), origin: Origin::Default })
}

pub(super) fn is_known(key: &str) -> bool {
    KEYS.iter().any(|known| known.key == key)
}

/// The known key that is most like it, if one is.
pub(super) fn nearest(key: &str) -> Option<&'static str> {
    let distance = |known: &&KeyDoc| strsim::damerau_levenshtein(known.key, key);
    let nearest = KEYS.iter().min_by_key(distance)?;
    (distance(&nearest) <= 2 + key.len() / 4).then_some(nearest.key)
}
