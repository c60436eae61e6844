//! Workers that answer at once without running anything: what is left is the scheduler's own time.

use std::collections::VecDeque;
use std::time::Duration;

use dask_core::layer::{encode_layers, ravel};
use dask_core::wire::{Encoder, Parcel};
use dask_core::{Key, LayerGraph, Value};

use crate::protocol::{
    ClientId, FromClient, FromWorker, FutureId, Outputs, Restrictions, Submit, ToWorker, WorkerHello, WorkerId,
};
use crate::scheduler::{Action, Event, Machine, Settings};

/// Reports taken together before what follows is said, as the scheduler's loop does.
const TOGETHER: usize = 256;

/// A scheduler and workers that answer at once. They fetch nothing: a result is where it was made.
pub struct ZeroCluster {
    /// The scheduler.
    pub machine: Machine,
    client: ClientId,
    reports: VecDeque<(WorkerId, FromWorker)>,
    actions: Vec<Action>,
    now: Duration,
    nbytes: u64,
    n_done: u64,
    n_futures: u64,
}

impl ZeroCluster {
    /// So many workers, whose results are said to have `nbytes`.
    pub fn new(settings: Settings, n_workers: u32, n_threads: u32, nbytes: u64) -> Self {
        let mut machine = Machine::new(settings, 1);
        let client = machine.add_client(Duration::ZERO);
        for at in 0..n_workers {
            let hello = WorkerHello { n_threads, address: format!("sim://{at}"), ..WorkerHello::default() };
            machine.add_worker(Duration::ZERO, hello);
        }
        let (reports, actions) = (VecDeque::new(), Vec::new());
        Self { machine, client, reports, actions, now: Duration::ZERO, nbytes, n_done: 0, n_futures: 0 }
    }

    /// The client wants these keys of a graph: they become its futures from 0 on.
    ///
    /// # Errors
    /// A key that is not in the graph; layers that cannot travel.
    pub fn submit(&mut self, graph: &LayerGraph, outputs: &[Key]) -> dask_core::Result<()> {
        let (mut out, mut functions) = (Encoder::new(), Vec::new());
        encode_layers(graph, &mut out, |_, _| {
            functions.push(Value::encoded(Parcel::from_parts("function", Vec::new(), Vec::new())));
            Ok(functions.len() as u32 - 1)
        })?;
        let mut wanted = Vec::with_capacity(outputs.len());
        for key in outputs {
            let unknown = || dask_core::Error::UnknownKey { key: Box::new(key.clone()), wanted_by: None };
            let at = graph.find(key.name()).ok_or_else(unknown)?;
            let shape = graph.layers()[at as usize].layer.shape();
            wanted.push(Outputs::Task(at, ravel(key.index(), shape).ok_or_else(unknown)?));
        }
        self.n_futures = outputs.len() as u64;
        let submit = Submit {
            layers: out.finish("").bytes().to_vec(),
            n_functions: functions.len() as u32,
            outputs: wanted,
            first_future: FutureId(0),
            priority: 0,
            retries: 0,
            restrictions: Restrictions::default(),
            actor: false,
        };
        self.machine.handle(self.now, Event::Submit { client: self.client, submit: Box::new(submit), functions });
        self.flush();
        Ok(())
    }

    /// The client wants its futures no longer.
    pub fn release(&mut self) {
        let futures = (0..self.n_futures).map(FutureId).collect();
        self.machine.handle(self.now, Event::Client(self.client, FromClient::Release(futures)));
        self.flush();
    }

    /// Runs until nobody has anything to do; how many tasks were done since the start.
    pub fn run(&mut self) -> u64 {
        while !self.reports.is_empty() {
            for _ in 0..TOGETHER {
                let Some((id, report)) = self.reports.pop_front() else { break };
                self.now += Duration::from_nanos(1000);
                self.machine.handle(self.now, Event::Worker(id, report));
            }
            self.flush();
        }
        self.n_done
    }

    fn flush(&mut self) {
        self.machine.flush(&mut self.actions);
        for action in self.actions.drain(..) {
            let Action::Worker(id, batch) = action else { continue };
            for message in batch.messages {
                match message {
                    ToWorker::Compute(tasks) => {
                        self.n_done += tasks.len() as u64;
                        let nbytes = self.nbytes;
                        let done = |task: crate::protocol::ComputeTask| FromWorker::Finished {
                            task: task.task,
                            run: task.run,
                            nbytes,
                            nanos: 1000,
                            dropped: task.last_use,
                        };
                        self.reports.extend(tasks.into_iter().map(|task| (id, done(task))));
                    }
                    ToWorker::Acquire(values) => {
                        let values = values.iter().map(|value| (value.task, value.nbytes)).collect();
                        self.reports.push_back((id, FromWorker::Added(values)));
                    }
                    _ => {}
                }
            }
        }
    }
}
