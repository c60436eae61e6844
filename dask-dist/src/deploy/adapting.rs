//! A cluster that is scaled by itself: a thread that asks the scheduler, and does what [`Adapter`] says.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use dask_core::Result;

use super::adaptive::{Adapter, Adaptive, Advice};
use crate::DistError;
use crate::client::Client;

/// What can start workers, and ask them to leave.
pub trait Deploy: Send {
    /// Starts `n` more workers; they come when they come.
    ///
    /// # Errors
    /// If they cannot be started.
    fn start(&mut self, n: usize) -> Result<()>;

    /// Asks workers to hand over what they hold and leave; one that has not come yet is not to come. Does not wait.
    ///
    /// # Errors
    /// If they cannot be asked.
    fn retire(&mut self, names: &[String]) -> Result<()>;

    /// The names of workers that were started, and neither retired nor ended; also of those that have not come yet.
    ///
    /// # Errors
    /// If it cannot be found out.
    fn list(&mut self) -> Result<Vec<String>>;
}

/// Looks once: asks `client` how much work there is, and has `deploy` do what that needs.
///
/// # Errors
/// If the scheduler is gone, or what is needed cannot be done.
fn look<D: Deploy>(adapter: &mut Adapter, start: Instant, client: &Client, deploy: &mut D) -> Result<()> {
    let demand = client.demand().wait()?;
    let started = deploy.list()?;
    match adapter.step(start.elapsed(), &demand, &started) {
        Advice::Stay => Ok(()),
        Advice::Start(n) => deploy.start(n),
        Advice::Retire(names) => deploy.retire(&names),
    }
}

/// A cluster that is scaled by itself, until this is [stopped](Adapting::stop) or dropped.
pub struct Adapting<D> {
    client: Client,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<D>>,
}

impl Adaptive {
    /// Scales `deploy` by what the scheduler of `client` says, on a thread of its own. What goes wrong is logged, and
    /// tried again the next time.
    ///
    /// # Errors
    /// Settings that contradict each other; if no thread can be started.
    pub fn run<D: Deploy + 'static>(self, client: Client, mut deploy: D) -> Result<Adapting<D>> {
        let interval = self.interval;
        let mut adapter = Adapter::new(self)?;
        let (stop, stopped) = channel::<()>();
        let of_thread = client.clone();
        let work = move || {
            let start = Instant::now();
            let mut said = String::new();
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                let problem = look(&mut adapter, start, &of_thread, &mut deploy).err();
                let problem = problem.map_or_else(String::new, |error| error.to_string());
                if !problem.is_empty() && problem != said {
                    crate::log::warn("adaptive", format_args!("the cluster is not scaled: {problem}"));
                }
                said = problem;
            }
            deploy
        };
        let thread = std::thread::Builder::new().name("dask-adaptive".to_owned()).spawn(work);
        let thread = thread.map_err(|error| DistError::io("starting the thread that scales the cluster", error))?;
        Ok(Adapting { client, stop: Some(stop), thread: Some(thread) })
    }
}

impl<D> Adapting<D> {
    /// A client of the cluster.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Scales no more; what was scaled.
    ///
    /// # Errors
    /// If the thread that scaled it has panicked, which was printed then.
    pub fn stop(mut self) -> Result<D> {
        drop(self.stop.take());
        let ended = self.thread.take().and_then(|thread| thread.join().ok());
        ended.ok_or_else(|| DistError::Other("the thread that scaled the cluster has panicked".to_owned()).into())
    }
}

impl<D> Drop for Adapting<D> {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A panic there was printed already.
        drop(self.thread.take().map(JoinHandle::join));
    }
}
