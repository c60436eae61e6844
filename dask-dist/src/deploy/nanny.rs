//! Watches the worker processes of a local cluster.

use std::collections::HashSet;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::children::Children;
use crate::error::DistError;

const EVERY: Duration = Duration::from_millis(20);

/// Kills worker processes that take more memory than they may, and replaces those that die; until it is dropped.
pub(super) struct Nanny {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts a worker of this name in place of one that died.
pub(super) type Replace = Box<dyn Fn(String) -> Result<(), DistError> + Send>;

impl Nanny {
    /// Those in `retired` may end; nobody is replaced if `replace` is none.
    pub(super) fn start(
        children: Children,
        retired: Arc<Mutex<Vec<u32>>>,
        replace: Option<Replace>,
    ) -> Result<Self, DistError> {
        let (stop, stopped) = channel::<()>();
        let look = move || {
            let mut known = HashSet::new();
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                children.kill_who_takes_too_much();
                let retired = retired.lock().unwrap_or_else(PoisonError::into_inner).clone();
                for (process, why) in children.ended() {
                    if retired.contains(&process) || !known.insert(process) {
                        continue;
                    }
                    crate::log::warn("nanny", format_args!("a worker (process {process}) died: {why}"));
                    let Some(replace) = &replace else { continue };
                    let name = format!("worker-again-{}", known.len());
                    match replace(name.clone()) {
                        Ok(()) => crate::log::say("nanny", format_args!("{name} is started in its place")),
                        Err(error) => {
                            crate::log::warn("nanny", format_args!("process {process} is not replaced: {error}"));
                        }
                    }
                }
            }
        };
        let thread = std::thread::Builder::new().name("dask-nanny".to_owned()).spawn(look);
        let thread = thread.map_err(|error| DistError::io("starting the nanny's thread", error))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Nanny {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A panic there was printed already.
        drop(self.thread.take().map(JoinHandle::join));
    }
}
