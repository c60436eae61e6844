//! The scheduler's loop: events from connections into the machine, what it says out to connections.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dask_core::Value;
use tokio::sync::{mpsc, watch};

use super::journal::Journal;
use super::obituaries::Obituaries;
use super::questions::{Question, Questions};
use super::turns::Clock;
use crate::error::DistError;
use crate::protocol::{Batch, ClientId, FromClient, FromWorker, ToClient, ToWorker, WorkerHello, WorkerId};
use crate::scheduler::journal::Identity;
use crate::scheduler::{Action, Event, Machine, Settings};
use crate::transport::{CommSettings, Inbox, Incoming, Link, Listener, Message, Outbox, Role};

/// Events taken together, at most, before what follows from them is said.
const TOGETHER: usize = 256;
const TICK: Duration = Duration::from_millis(500);

/// What connections tell the loop.
enum Heard {
    Worker(WorkerId, Batch<FromWorker>),
    WorkerGone(WorkerId, String),
    Client(ClientId, Batch<FromClient>),
    ClientGone(ClientId),
}

/// Tells how a process has ended, if it has and somebody knows.
pub type WhyGone = Arc<dyn Fn(u32) -> Option<String> + Send + Sync>;

/// How to run a scheduler.
#[derive(Clone)]
pub struct SchedulerOptions {
    /// The machine's settings.
    pub settings: Settings,
    /// Limits and patience of connections; by default those [of a scheduler](CommSettings::of_scheduler).
    pub comm: CommSettings,
    /// Asked when a worker's connection ends.
    pub why_gone: Option<WhyGone>,
    /// Where to write down what is published, so that a scheduler that is started again with the same file takes it back
    /// from the workers; nothing outlives the scheduler if none.
    pub journal: Option<PathBuf>,
    /// Questions of those who watch.
    pub questions: Option<super::questions::Asked>,
    /// Is told how many workers are there, before anybody is answered with it.
    pub present: Option<watch::Sender<usize>>,
}

impl Default for SchedulerOptions {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            comm: CommSettings::default().of_scheduler(),
            why_gone: None,
            journal: None,
            questions: None,
            present: None,
        }
    }
}

/// Runs a scheduler until `stop` becomes true (or its sender is dropped), or the listener ends.
///
/// # Errors
/// A journal that cannot be written, is in use, or is none.
pub async fn serve_scheduler(
    mut listener: Listener,
    options: SchedulerOptions,
    mut stop: watch::Receiver<bool>,
) -> Result<(), DistError> {
    let SchedulerOptions { settings, comm, why_gone, journal, questions, present } = options;
    let (ask, mut questions) = questions.and_then(|asked| asked.take()).unzip();
    // Any number that no other scheduler has.
    let fresh = RandomState::new().hash_one(std::process::id());
    let mut machine = Machine::new(settings, 1);
    machine.restore(Identity { cluster: fresh, n_restarts: 0 }, Vec::new());
    let journal = match journal {
        Some(path) => {
            let (journal, restored) = Journal::open(&path, fresh)?;
            restored
                .warning
                .iter()
                .for_each(|warning| crate::log::warn("scheduler", format_args!("{}: {warning}", path.display())));
            machine.restore(restored.identity, restored.records);
            Some(journal)
        }
        None => None,
    };
    if questions.is_some() {
        machine.record();
    }
    let (hear, mut heard) = mpsc::channel(4 * TOGETHER);
    let mut shell = Shell {
        machine,
        journal,
        start: Instant::now(),
        workers: HashMap::new(),
        clients: HashMap::new(),
        actions: Vec::new(),
        comm,
        hear,
        why_gone,
        obituaries: Obituaries::default(),
        ask,
    };
    let mut turns = Clock::default();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let began = tokio::select! {
            // What is under way goes before what is new.
            biased;
            changed = stop.changed() => {
                if changed.is_err() || *stop.borrow() {
                    break;
                }
                continue;
            }
            _ = ticks.tick() => {
                let began = shell.now();
                shell.machine.handle(began, Event::Tick);
                shell.cut_slow();
                began
            }
            Some(item) = heard.recv() => {
                let began = shell.now();
                shell.take(item);
                for _ in 1..TOGETHER {
                    let Ok(item) = heard.try_recv() else { break };
                    shell.take(item);
                }
                began
            }
            Some(question) = next_question(&mut questions) => {
                let began = shell.now();
                question.answer(&shell.machine, turns.told(began));
                turns.note(began, shell.now());
                continue;
            }
            incoming = listener.accept() => {
                let began = shell.now();
                let Some(incoming) = incoming else { break };
                shell.accept(incoming);
                began
            }
        };
        // Before anybody is answered: who was told of workers finds them counted.
        if let Some(present) = &present {
            let n = shell.machine.present_workers().len();
            present.send_if_modified(|known| std::mem::replace(known, n) != n);
        }
        shell.flush();
        turns.note(began, shell.now());
    }
    shell.close();
    Ok(())
}

async fn next_question(questions: &mut Option<mpsc::Receiver<Question>>) -> Option<Question> {
    match questions {
        Some(questions) => questions.recv().await,
        None => std::future::pending().await,
    }
}

struct Shell {
    machine: Machine,
    journal: Option<Journal>,
    start: Instant,
    workers: HashMap<WorkerId, Outbox<ToWorker>>,
    clients: HashMap<ClientId, Outbox<ToClient>>,
    actions: Vec<Action>,
    comm: CommSettings,
    hear: mpsc::Sender<Heard>,
    why_gone: Option<WhyGone>,
    obituaries: Obituaries,
    /// Asks this very scheduler, if somebody may watch it.
    ask: Option<Questions>,
}

impl Shell {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn accept(&mut self, incoming: Incoming) {
        let accepted = match incoming.peer.role {
            Role::Worker => self.accept_worker(incoming),
            Role::Client => self.accept_client(incoming),
            Role::Scheduler | Role::Peer => Err(DistError::Other(
                "somebody took the scheduler for a worker: give clients and workers its address".into(),
            )),
        };
        if let Err(error) = accepted {
            crate::log::warn("scheduler", format_args!("{error}"));
        }
    }

    fn accept_worker(&mut self, incoming: Incoming) -> Result<(), DistError> {
        let Link { outbox, inbox, peer, address } = incoming.link::<ToWorker, FromWorker>()?;
        let hello: WorkerHello = peer.about(&address)?;
        let (process, name, has_nanny) = (hello.process, hello.name.clone(), hello.has_nanny);
        let id = self.machine.add_worker(self.now(), hello);
        self.workers.insert(id, outbox);
        let (hear, why_gone, obituaries) = (self.hear.clone(), self.why_gone.clone(), self.obituaries.clone());
        tokio::spawn(async move {
            let Some(mut why) = listen(inbox, &hear, |batch| Heard::Worker(id, batch)).await else { return };
            if has_nanny && let Some(how) = obituaries.wait_for(&name, process).await {
                why = how;
            }
            // A process that has just ended is known to have a moment later.
            for _ in 0..20 {
                let Some(ask) = &why_gone else { break };
                if let Some(how) = ask(process) {
                    why = how;
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            drop(hear.send(Heard::WorkerGone(id, why)).await);
        });
        Ok(())
    }

    fn accept_client(&mut self, incoming: Incoming) -> Result<(), DistError> {
        let Link { outbox, inbox, .. } = incoming.link::<ToClient, FromClient>()?;
        let id = self.machine.add_client(self.now());
        self.clients.insert(id, outbox);
        let hear = self.hear.clone();
        tokio::spawn(async move {
            if listen(inbox, &hear, |batch| Heard::Client(id, batch)).await.is_some() {
                drop(hear.send(Heard::ClientGone(id)).await);
            }
        });
        Ok(())
    }

    fn take(&mut self, item: Heard) {
        let now = self.now();
        match item {
            Heard::Worker(worker, batch) => {
                let mut attachments = batch.attachments.into_iter();
                for message in batch.messages {
                    let event = match message {
                        FromWorker::FinishedWith { task, run, nbytes, nanos, dropped } => match attachments.next() {
                            Some(value) => Event::Finished { worker, of: (task, run), nbytes, nanos, dropped, value },
                            None => Event::Worker(worker, FromWorker::Finished { task, run, nbytes, nanos, dropped }),
                        },
                        other => Event::Worker(worker, other),
                    };
                    self.machine.handle(now, event);
                }
            }
            Heard::WorkerGone(id, why) => {
                self.workers.remove(&id);
                self.machine.handle(now, Event::WorkerLost(id, why));
            }
            Heard::Client(client, batch) => {
                let mut attachments = batch.attachments.into_iter();
                for message in batch.messages {
                    let event = match message {
                        FromClient::Submit(submit) => {
                            let functions: Vec<Value> =
                                attachments.by_ref().take(submit.n_functions as usize).collect();
                            Event::Submit { client, submit, functions }
                        }
                        FromClient::Obituary { worker, process, why } => {
                            self.obituaries.tell(worker, process, why);
                            continue;
                        }
                        FromClient::Report { request } if self.report(client, request) => continue,
                        other => Event::Client(client, other),
                    };
                    self.machine.handle(now, event);
                }
            }
            Heard::ClientGone(id) => {
                self.clients.remove(&id);
                self.machine.handle(now, Event::ClientLost(id));
            }
        }
    }

    /// Has a page made and sent to a client; whether there is one to be made. It asks as those who watch do, so that the
    /// scheduler works on meanwhile.
    fn report(&self, client: ClientId, request: u64) -> bool {
        #[cfg(feature = "dashboard")]
        if let (Some(ask), Some(outbox)) = (self.ask.clone(), self.clients.get(&client).cloned()) {
            tokio::spawn(async move {
                let answer = match crate::dashboard::report(ask).await {
                    Some(page) => ToClient::Report { request, page },
                    None => ToClient::Refused {
                        request,
                        why: "the scheduler is too busy for a report: ask again".to_owned(),
                    },
                };
                // A client that has gone wants no page.
                let _ = outbox.send(Batch::one(answer));
            });
            return true;
        }
        let _ = (&self.ask, client, request);
        false
    }

    fn flush(&mut self) {
        let mut actions = std::mem::take(&mut self.actions);
        self.machine.flush(&mut actions);
        for action in actions.drain(..) {
            match action {
                // Those that are gone are reported by whoever listens to them.
                Action::Worker(id, batch) => drop(self.workers.get(&id).map(|outbox| outbox.send(batch))),
                Action::Client(id, batch) => drop(self.clients.get(&id).map(|outbox| outbox.send(batch))),
                Action::Cut(id) => drop(self.workers.remove(&id)),
                Action::CutClient(id) => drop(self.clients.remove(&id)),
                Action::Record(record) => {
                    if let Some(journal) = &mut self.journal {
                        journal.append(&record);
                    }
                }
                Action::Warn(text) => crate::log::warn("scheduler", format_args!("{text}")),
            }
        }
        self.actions = actions;
    }

    /// Cuts those who do not read what they are sent.
    fn cut_slow(&mut self) {
        let (now, limit) = (self.now(), self.comm.queued_bytes_max);
        let slow = |nbytes: u64| limit < nbytes;
        let workers: Vec<WorkerId> =
            self.workers.iter().filter(|(_, outbox)| slow(outbox.queued_nbytes())).map(|(&id, _)| id).collect();
        const WHY: &str = "it did not read what it was sent";
        for id in workers {
            self.workers.remove(&id).into_iter().for_each(|outbox| outbox.cut(WHY));
            self.machine.handle(now, Event::WorkerLost(id, WHY.to_owned()));
        }
        let clients: Vec<ClientId> =
            self.clients.iter().filter(|(_, outbox)| slow(outbox.queued_nbytes())).map(|(&id, _)| id).collect();
        for id in clients {
            self.clients.remove(&id).into_iter().for_each(|outbox| outbox.cut(WHY));
            self.machine.handle(now, Event::ClientLost(id));
        }
    }

    /// Says good-bye. With a journal the scheduler may be started again: its workers stay, with what they hold, and look
    /// for it as long as they may.
    fn close(&mut self) {
        let why = "the scheduler was stopped".to_owned();
        if self.journal.is_none() {
            for outbox in self.workers.values() {
                let _ = outbox.send(Batch::one(ToWorker::Close { why: why.clone() }));
            }
        }
        for outbox in self.clients.values() {
            let _ = outbox.send(Batch::one(ToClient::Closing { why: why.clone() }));
        }
    }
}

/// Passes on what one connection says, until it ends; why it did. None if the loop has ended.
async fn listen<M: Message>(
    mut inbox: Inbox<M>,
    to: &mpsc::Sender<Heard>,
    item: impl Fn(Batch<M>) -> Heard,
) -> Option<String> {
    loop {
        match inbox.recv().await {
            Ok(Some(batch)) => to.send(item(batch)).await.ok()?,
            Ok(None) => return Some("it closed the connection".to_owned()),
            Err(error) => return Some(error.to_string()),
        }
    }
}
