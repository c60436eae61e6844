//! Workers as the client talks to them: values are fetched from where they are, put where the scheduler says, and
//! functions run everywhere. A link is opened when it is first needed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use dask_core::{Error, Result, Value};
use foldhash::fast::FixedState;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::connection::{Connection, PeerLink};
use super::wish::{Fetch, Wish};
use crate::DistError;
use crate::protocol::{Batch, FromClient, PeerReply, PeerRequest, TaskRef, WorkerId};
use crate::transport::{Address, Hello, Outbox, Role, connect};

/// Above this a request is closed and another begun, so that values arrive while others are still read.
const REQUEST_NBYTES_MAX: u64 = 64 << 20;
const REQUEST_TASKS_MAX: usize = 4096;
/// While so many requests for values are under way, what else is wanted waits, and is asked for together: a single
/// value is asked for at once, and thousands that come one after another are a few messages.
const GETS_MAX: usize = 2;

/// All workers that were named so far.
#[derive(Default)]
pub(super) struct Peers(Mutex<HashMap<WorkerId, Peer, FixedState>>);

#[derive(Default)]
struct Peer {
    address: String,
    link: LinkState,
    waiting: HashMap<u64, Waiting, FixedState>,
    /// How many of those who wait want values.
    n_gets: usize,
    /// What will be asked for when one of them is answered.
    queued: Vec<Fetch>,
}

#[derive(Default)]
enum LinkState {
    #[default]
    Down,
    /// What is to be sent when it is open.
    Opening(Vec<Batch<PeerRequest>>),
    Up(Outbox<PeerRequest>),
}

/// What a request is for.
enum Waiting {
    Get(HashMap<TaskRef, SmallVec<[Arc<Wish>; 1]>, FixedState>),
    Put(Weak<Wish>),
    /// The answer goes there; what the call needs is kept until then.
    Run(oneshot::Sender<Result<Value>>, #[expect(dead_code, reason = "dropped with the answer")] Option<Arc<Wish>>),
}

impl Peers {
    fn locked(&self) -> MutexGuard<'_, HashMap<WorkerId, Peer, FixedState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where workers are found.
    pub(super) fn introduce(&self, peers: impl IntoIterator<Item = (WorkerId, String)>) {
        let mut all = self.locked();
        for (worker, address) in peers {
            all.entry(worker).or_default().address = address;
        }
    }

    /// Asks for values: those of one worker together.
    pub(super) fn get(&self, connection: &Arc<Connection>, fetches: Vec<Fetch>) {
        let mut by_holder: HashMap<WorkerId, Vec<Fetch>, FixedState> = HashMap::default();
        for fetch in fetches {
            by_holder.entry(fetch.holder).or_default().push(fetch);
        }
        for (holder, fetches) in by_holder {
            let fetches = {
                let mut all = self.locked();
                let peer = all.entry(holder).or_default();
                if GETS_MAX <= peer.n_gets {
                    peer.queued.extend(fetches);
                    continue;
                }
                fetches
            };
            let mut nbytes = 0;
            let mut wanted: HashMap<TaskRef, SmallVec<[Arc<Wish>; 1]>, FixedState> = HashMap::default();
            for fetch in fetches {
                nbytes += fetch.nbytes;
                wanted.entry(fetch.task).or_default().push(fetch.wish);
                if REQUEST_NBYTES_MAX <= nbytes || REQUEST_TASKS_MAX <= wanted.len() {
                    nbytes = 0;
                    self.get_from(connection, holder, std::mem::take(&mut wanted));
                }
            }
            if !wanted.is_empty() {
                self.get_from(connection, holder, wanted);
            }
        }
    }

    fn get_from(
        &self,
        connection: &Arc<Connection>,
        holder: WorkerId,
        wanted: HashMap<TaskRef, SmallVec<[Arc<Wish>; 1]>, FixedState>,
    ) {
        let request = connection.new_request();
        let message = PeerRequest::Get { request, tasks: wanted.keys().copied().collect(), turns: Vec::new() };
        self.send(connection, holder, request, Batch::one(message), Waiting::Get(wanted));
    }

    /// Sends a scattered value to workers.
    pub(super) fn put(&self, connection: &Arc<Connection>, wish: &Arc<Wish>, task: TaskRef, workers: &[WorkerId]) {
        let Some(value) = wish.scattered() else { return };
        for &worker in workers {
            let request = connection.new_request();
            let messages = vec![PeerRequest::Put { request, tasks: vec![task] }];
            let batch = Batch { messages, attachments: vec![value.clone()] };
            self.send(connection, worker, request, batch, Waiting::Put(Arc::downgrade(wish)));
        }
    }

    /// Runs a function on a worker, beside its tasks.
    pub(super) fn run(
        &self,
        connection: &Arc<Connection>,
        worker: WorkerId,
        function: Value,
    ) -> oneshot::Receiver<Result<Value>> {
        let (done, result) = oneshot::channel();
        let request = connection.new_request();
        let batch = Batch { messages: vec![PeerRequest::Run { request }], attachments: vec![function] };
        self.send(connection, worker, request, batch, Waiting::Run(done, None));
        result
    }

    /// Calls a method of an actor, which is kept until the answer has come.
    pub(super) fn call(
        &self,
        connection: &Arc<Connection>,
        (worker, actor): (WorkerId, TaskRef),
        attachments: Vec<Value>,
        keep: Option<Arc<Wish>>,
    ) -> oneshot::Receiver<Result<Value>> {
        let (done, result) = oneshot::channel();
        let request = connection.new_request();
        let batch = Batch { messages: vec![PeerRequest::Call { request, actor }], attachments };
        self.send(connection, worker, request, batch, Waiting::Run(done, keep));
        result
    }

    fn send(
        &self,
        connection: &Arc<Connection>,
        worker: WorkerId,
        request: u64,
        batch: Batch<PeerRequest>,
        waiting: Waiting,
    ) {
        let mut all = self.locked();
        let peer = all.entry(worker).or_default();
        peer.n_gets += usize::from(matches!(waiting, Waiting::Get(_)));
        peer.waiting.insert(request, waiting);
        match &mut peer.link {
            // If it is closed, whoever listens to it is about to tell all who wait.
            LinkState::Up(outbox) => drop(outbox.send(batch)),
            LinkState::Opening(batches) => batches.push(batch),
            LinkState::Down => {
                let address = peer.address.clone();
                peer.link = LinkState::Opening(vec![batch]);
                let connection = Arc::downgrade(connection);
                let Some(strong) = connection.upgrade() else { return };
                strong.runtime().spawn(open(connection, worker, address));
            }
        }
    }

    fn opened(&self, worker: WorkerId, outbox: Outbox<PeerRequest>) {
        let mut all = self.locked();
        let peer = all.entry(worker).or_default();
        if let LinkState::Opening(batches) = std::mem::take(&mut peer.link) {
            for batch in batches {
                // As in `send`.
                outbox.send(batch).ok();
            }
        }
        peer.link = LinkState::Up(outbox);
    }

    /// The scheduler has given it up: whoever waits for it is told, though the link may still stand.
    pub(super) fn give_up(&self, connection: &Arc<Connection>, worker: WorkerId) {
        if let Some(peer) = self.locked().get_mut(&worker) {
            // Nobody is there to connect to.
            peer.address.clear();
        }
        self.lost(connection, worker, "the scheduler has not heard of it for long");
    }

    /// The link is closed, or could not be opened: who waits for an answer is told.
    fn lost(&self, connection: &Arc<Connection>, worker: WorkerId, why: &str) {
        let (address, waiting, queued) = {
            let mut all = self.locked();
            let peer = all.entry(worker).or_default();
            peer.link = LinkState::Down;
            peer.n_gets = 0;
            (peer.address.clone(), std::mem::take(&mut peer.waiting), std::mem::take(&mut peer.queued))
        };
        let gone = || -> Error { DistError::WorkerGone { address: address.clone(), why: why.to_owned() }.into() };
        let mut missing: Vec<Arc<Wish>> = queued.into_iter().map(|fetch| fetch.wish).collect();
        for (_, waiting) in waiting {
            match waiting {
                Waiting::Get(wanted) => missing.extend(wanted.into_values().flatten()),
                Waiting::Put(wish) => {
                    if let Some(wish) = wish.upgrade() {
                        wish.fail_if_pending(gone());
                    }
                }
                Waiting::Run(done, _) => drop(done.send(Err(gone()))),
            }
        }
        self.not_there(connection, worker, missing);
    }

    /// The worker does not have these: another holder is asked, or the scheduler is told.
    fn not_there(&self, connection: &Arc<Connection>, worker: WorkerId, wishes: Vec<Arc<Wish>>) {
        let mut fetches = Vec::new();
        for wish in wishes {
            match wish.missing(worker) {
                Ok(fetch) => fetches.extend(fetch),
                Err(()) => {
                    // If the scheduler is gone, all who wait were told.
                    connection.send(FromClient::Missing { future: wish.id, at: vec![worker] }, Vec::new()).ok();
                }
            }
        }
        connection.fetch(fetches);
    }

    fn hear(&self, connection: &Arc<Connection>, worker: WorkerId, batch: Batch<PeerReply>) {
        let mut attachments = batch.attachments.into_iter();
        for message in batch.messages {
            match message {
                PeerReply::Data { request, found, missing, refused, last } => {
                    let values = attachments.by_ref().take(found.len());
                    let found: Vec<(TaskRef, Value)> = found.into_iter().zip(values).collect();
                    let (came, not) = self.take_wishes(worker, request, found, &missing, refused, last);
                    came.into_iter().for_each(|(wish, result)| wish.fetched(result));
                    self.not_there(connection, worker, not);
                    if last {
                        self.answered(connection, worker);
                    }
                }
                PeerReply::Kept { request } => drop(self.take(worker, request)),
                PeerReply::Ran { request, failure } => {
                    let result = match failure {
                        None => attachments.next().ok_or_else(|| DistError::NoAnswer { what: "a function" }.into()),
                        Some(failure) => Err(Error::other(failure)),
                    };
                    if let Some(Waiting::Run(done, _)) = self.take(worker, request) {
                        done.send(result).ok();
                    }
                }
            }
        }
    }

    /// A request for values is answered: what has waited for that is asked for.
    fn answered(&self, connection: &Arc<Connection>, worker: WorkerId) {
        let queued = {
            let mut all = self.locked();
            let Some(peer) = all.get_mut(&worker) else { return };
            peer.n_gets = peer.n_gets.saturating_sub(1);
            std::mem::take(&mut peer.queued)
        };
        connection.fetch(queued);
    }

    fn take(&self, worker: WorkerId, request: u64) -> Option<Waiting> {
        self.locked().get_mut(&worker)?.waiting.remove(&request)
    }

    /// Who gets what: the wishes that are answered, and those of which the value is not there.
    #[expect(clippy::type_complexity, reason = "two lists for one caller")]
    fn take_wishes(
        &self,
        worker: WorkerId,
        request: u64,
        found: Vec<(TaskRef, Value)>,
        missing: &[TaskRef],
        refused: Vec<(TaskRef, String)>,
        last: bool,
    ) -> (Vec<(Arc<Wish>, Result<Value>)>, Vec<Arc<Wish>>) {
        let (mut came, mut not) = (Vec::new(), Vec::new());
        let mut all = self.locked();
        let Some(peer) = all.get_mut(&worker) else { return (came, not) };
        let Some(Waiting::Get(wanted)) = peer.waiting.get_mut(&request) else { return (came, not) };
        for (task, value) in found {
            let wishes = wanted.remove(&task).unwrap_or_default();
            came.extend(wishes.into_iter().map(|wish| (wish, Ok(value.clone()))));
        }
        for (task, why) in refused {
            for wish in wanted.remove(&task).unwrap_or_default() {
                let error = DistError::CannotLeave { key: Box::new(wish.key.clone()), why: why.clone() };
                came.push((wish, Err(error.into())));
            }
        }
        not.extend(missing.iter().filter_map(|task| wanted.remove(task)).flatten());
        if last && let Some(Waiting::Get(left)) = peer.waiting.remove(&request) {
            not.extend(left.into_values().flatten());
        }
        (came, not)
    }
}

/// Opens a link, and listens to it until it ends.
async fn open(connection: Weak<Connection>, worker: WorkerId, address: String) {
    let link = match connection.upgrade() {
        Some(connection) => connect_to(&address, connection.settings()).await,
        None => return,
    };
    let mut link = match link {
        Ok(link) => link,
        Err(error) => {
            if let Some(connection) = connection.upgrade() {
                connection.peers.lost(&connection, worker, &error.to_string());
            }
            return;
        }
    };
    match connection.upgrade() {
        Some(connection) => connection.peers.opened(worker, link.outbox),
        None => return,
    }
    loop {
        let received = link.inbox.recv().await;
        let Some(connection) = connection.upgrade() else { return };
        match received {
            Ok(Some(batch)) => connection.peers.hear(&connection, worker, batch),
            Ok(None) => return connection.peers.lost(&connection, worker, "it closed the connection"),
            Err(error) => return connection.peers.lost(&connection, worker, &error.to_string()),
        }
    }
}

async fn connect_to(address: &str, settings: &crate::transport::CommSettings) -> Result<PeerLink, DistError> {
    let address: Address = address.parse()?;
    connect(&address, Hello::new(Role::Peer), settings).await
}
