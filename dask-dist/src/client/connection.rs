//! The connection to the scheduler: a thread of its own with a small runtime, the table of wishes, and questions
//! that wait for an answer.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::{JoinHandle, ThreadId};
use std::time::Duration;

use dask_core::{Error, Key, Result, Value};
use foldhash::fast::FixedState;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};

use super::peers::Peers;
use super::wish::{Fetch, Wish};
use crate::DistError;
use crate::protocol::{Ask, Given, Item, Told};
use crate::protocol::{Batch, Failure, FromClient, FutureId, PeerReply, PeerRequest, ToClient};
use crate::transport::{Address, Closed, CommSettings, Hello, Inbox, Link, Outbox, Role, connect};

/// How long releases may wait for more of them, or for a message that takes them along.
const RELEASES_WAIT: Duration = Duration::from_millis(1);
const HEARTBEAT_EVERY: Duration = Duration::from_secs(3);
/// A connection that ends gives what it has still to say this long to leave.
const LEAVE_MAX: Duration = Duration::from_secs(2);
/// Ids set aside for a published dataset, of which the size is not known when it is asked for.
const DATASET_IDS: u64 = 1 << 32;

/// One client's connection. Lives as long as a client, a future or a remote value does.
pub(crate) struct Connection {
    /// Dropped to end the connection in order.
    outbox: Mutex<Option<Outbox<FromClient>>>,
    runtime: Handle,
    settings: CommSettings,
    /// The scheduler's, for people.
    address: String,
    in_process: bool,
    wishes: Mutex<HashMap<FutureId, Weak<Wish>, FixedState>>,
    next_future: AtomicU64,
    questions: Mutex<HashMap<u64, Question>>,
    next_request: AtomicU64,
    released: Mutex<Vec<FutureId>>,
    has_released: Arc<Notify>,
    /// Why there is no connection any more.
    gone: OnceLock<Error>,
    pub(super) peers: Peers,
    /// Dropped to end the thread.
    stop: Mutex<Option<oneshot::Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    thread_id: ThreadId,
    /// What ends after the connection: the cluster it leads to.
    kept: Mutex<Option<Box<dyn Any + Send>>>,
}

struct Question {
    reply: oneshot::Sender<Result<Reply>>,
    /// For a dataset: the future of its first value. For a variable or a queue: what a future in it is called.
    first_future: Option<FutureId>,
}

/// What answers a question.
pub(super) enum Reply {
    Message(ToClient),
    Dataset { wishes: Vec<Arc<Wish>>, about: Vec<u8> },
    Coordinated { told: Told, wish: Option<Arc<Wish>> },
}

/// A question that was sent.
pub(super) struct Asked {
    request: u64,
    sent: Result<()>,
    answer: oneshot::Receiver<Result<Reply>>,
    connection: Arc<Connection>,
}

impl Asked {
    /// Waits for the answer.
    pub(super) async fn reply(self) -> Result<Reply> {
        if let Err(error) = self.sent {
            locked(&self.connection.questions).remove(&self.request);
            return Err(error);
        }
        self.answer.await.unwrap_or_else(|_| Err(self.connection.gone_because("the client was closed")))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connection {
    /// Connects, on a thread of its own.
    pub(super) async fn open(address: Address, settings: CommSettings) -> Result<Arc<Self>> {
        let (opened, opening) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("dask-client".to_owned())
            .spawn(move || background(&address, settings, opened))
            .map_err(|source| DistError::io("starting the client's thread", source))?;
        let connection: Arc<Self> = opening.await.unwrap_or_else(|_| Err(DistError::ClientClosed.into()))?;
        *locked(&connection.thread) = Some(thread);
        Ok(connection)
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    pub(super) fn settings(&self) -> &CommSettings {
        &self.settings
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Whether values reach the workers as they are.
    pub(super) fn is_in_process(&self) -> bool {
        self.in_process
    }

    /// Ids for `n` futures: the first.
    pub(super) fn new_ids(&self, n: u64) -> FutureId {
        FutureId(self.next_future.fetch_add(n, Ordering::Relaxed))
    }

    /// A wish that the scheduler's messages reach from now on.
    pub(super) fn wish(
        self: &Arc<Self>,
        id: FutureId,
        first: FutureId,
        key: Key,
        scattered: Option<Value>,
    ) -> Arc<Wish> {
        let wish = Wish::new(self.clone(), id, first, key, scattered);
        locked(&self.wishes).insert(id, Arc::downgrade(&wish));
        wish
    }

    /// As [`wish`](Connection::wish), many of one submission.
    pub(super) fn wishes(self: &Arc<Self>, first: FutureId, keys: impl IntoIterator<Item = Key>) -> Vec<Arc<Wish>> {
        let ids = (first.0..).map(FutureId);
        let wishes: Vec<_> = ids.zip(keys).map(|(id, key)| Wish::new(self.clone(), id, first, key, None)).collect();
        locked(&self.wishes).extend(wishes.iter().map(|wish| (wish.id, Arc::downgrade(wish))));
        wishes
    }

    fn find(&self, future: FutureId) -> Option<Arc<Wish>> {
        locked(&self.wishes).get(&future).and_then(Weak::upgrade)
    }

    fn all_wishes(&self) -> Vec<Arc<Wish>> {
        locked(&self.wishes).values().filter_map(Weak::upgrade).collect()
    }

    /// Nobody here wants it any more; the scheduler is told soon.
    pub(super) fn release(&self, future: FutureId) {
        locked(&self.wishes).remove(&future);
        let is_first = {
            let mut released = locked(&self.released);
            released.push(future);
            released.len() == 1
        };
        if is_first {
            self.has_released.notify_one();
        }
    }

    /// Sends a message, after the releases that wait.
    pub(super) fn send(&self, message: FromClient, attachments: Vec<Value>) -> Result<()> {
        if let Some(gone) = self.gone.get() {
            return Err(gone.clone());
        }
        let released = std::mem::take(&mut *locked(&self.released));
        let mut messages = Vec::with_capacity(2);
        if !released.is_empty() {
            messages.push(FromClient::Release(released));
        }
        messages.push(message);
        self.post(Batch { messages, attachments }).map_err(|_| self.gone_because("it closed the connection"))
    }

    fn post(&self, batch: Batch<FromClient>) -> Result<(), Closed> {
        locked(&self.outbox).as_ref().ok_or(Closed)?.send(batch)
    }

    fn flush_releases(&self) {
        let released = std::mem::take(&mut *locked(&self.released));
        if !released.is_empty() {
            // A scheduler that is gone has nothing to release.
            self.post(Batch::one(FromClient::Release(released))).ok();
        }
    }

    /// Asks the scheduler; the question is sent at once.
    pub(super) fn ask(self: &Arc<Self>, question: impl FnOnce(u64) -> FromClient) -> Asked {
        let request = self.next_request.fetch_add(1, Ordering::Relaxed);
        self.ask_as(request, None, question(request))
    }

    /// Asks for a dataset.
    pub(super) fn ask_dataset(self: &Arc<Self>, name: &str) -> Asked {
        let request = self.next_request.fetch_add(1, Ordering::Relaxed);
        let first_future = self.new_ids(DATASET_IDS);
        let message = FromClient::Dataset { request, name: name.to_owned(), first_future };
        self.ask_as(request, Some(first_future), message)
    }

    /// Uses a lock, variable, or the like. The answer is awaited by whoever withdraws the question if it is not.
    pub(super) fn ask_coordinate(
        self: &Arc<Self>,
        ask: Ask<Item>,
    ) -> (u64, Result<()>, oneshot::Receiver<Result<Reply>>) {
        let request = self.next_request.fetch_add(1, Ordering::Relaxed);
        let future = match &ask {
            Ask::Read { future, .. } | Ask::Take { future, .. } => Some(*future),
            _ => None,
        };
        let asked = self.ask_as(request, future, FromClient::Coordinate { request, ask });
        (request, asked.sent, asked.answer)
    }

    fn ask_as(self: &Arc<Self>, request: u64, first_future: Option<FutureId>, message: FromClient) -> Asked {
        let (reply, answer) = oneshot::channel();
        locked(&self.questions).insert(request, Question { reply, first_future });
        let sent = self.send(message, Vec::new());
        Asked { request, sent, answer, connection: self.clone() }
    }

    /// A number for a request to a worker.
    pub(super) fn new_request(&self) -> u64 {
        self.next_request.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks workers for values, one message a worker.
    pub(super) fn fetch(self: &Arc<Self>, fetches: Vec<Fetch>) {
        if !fetches.is_empty() {
            self.peers.get(self, fetches);
        }
    }

    /// Whether the scheduler is not there any more.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.get().is_some()
    }

    fn gone_because(&self, why: &str) -> Error {
        let gone = || DistError::SchedulerGone { address: self.address.clone(), why: why.to_owned() }.into();
        self.gone.get().cloned().unwrap_or_else(gone)
    }

    /// There is no scheduler any more: everybody who waits hears of it now.
    pub(super) fn lose(&self, error: Error) {
        if self.gone.set(error.clone()).is_err() {
            return;
        }
        drop(locked(&self.outbox).take());
        for (_, question) in std::mem::take(&mut *locked(&self.questions)) {
            question.reply.send(Err(error.clone())).ok();
        }
        self.all_wishes().iter().for_each(|wish| wish.fail_if_pending(error.clone()));
    }

    pub(super) fn keep(&self, cluster: Box<dyn Any + Send>) {
        *locked(&self.kept) = Some(cluster);
    }

    /// Says good-bye and ends the thread; wishes that are pending fail.
    pub(super) fn close(&self) {
        self.flush_releases();
        self.lose(DistError::ClientClosed.into());
        drop(locked(&self.stop).take());
        let thread = locked(&self.thread).take();
        if let Some(thread) = thread.filter(|_| std::thread::current().id() != self.thread_id) {
            // It never panics; and if it did, there is nothing left to do.
            thread.join().ok();
        }
    }

    fn hear(self: &Arc<Self>, batch: Batch<ToClient>) {
        let mut fetches = Vec::new();
        let mut attachments = batch.attachments.into_iter();
        for message in batch.messages {
            match message {
                ToClient::Peers(peers) => self.peers.introduce(peers),
                ToClient::PeersGone(peers) => peers.into_iter().for_each(|peer| self.peers.give_up(self, peer)),
                ToClient::Done { future, task, nbytes, holder } => {
                    if let Some(wish) = self.find(future) {
                        fetches.extend(wish.done(task, nbytes, holder, None));
                    }
                }
                ToClient::DoneWith { future, task, nbytes, holder } => {
                    let value = attachments.next();
                    if let Some(wish) = self.find(future) {
                        fetches.extend(wish.done(task, nbytes, holder, value));
                    }
                }
                ToClient::Failed { future, key, layers, failure } => {
                    if let Some(wish) = self.find(future) {
                        let is_cancelled = failure == Failure::Cancelled;
                        wish.failed(failed(&wish.key, key, layers, failure), is_cancelled);
                    }
                }
                ToClient::Lost { future } => {
                    if let Some(wish) = self.find(future) {
                        wish.lost();
                    }
                }
                ToClient::SubmitRefused { first_future, why, .. } => {
                    let error: Error = DistError::Declined { why }.into();
                    let refused = self.all_wishes().into_iter().filter(|wish| wish.first == first_future);
                    refused.for_each(|wish| wish.fail(error.clone()));
                }
                ToClient::Place { future, task, workers } => {
                    if let Some(wish) = self.find(future) {
                        self.peers.put(self, &wish, task, &workers);
                    }
                }
                ToClient::Closing { why } => self.lose(
                    DistError::SchedulerGone { address: self.address.clone(), why: format!("it closes: {why}") }.into(),
                ),
                ToClient::Dataset { request, keys, about } => {
                    let question = locked(&self.questions).remove(&request);
                    if let Some(Question { reply, first_future: Some(first) }) = question {
                        let wishes = self.wishes(first, keys);
                        reply.send(Ok(Reply::Dataset { wishes, about })).ok();
                    }
                }
                ToClient::Coordinated { request, told } => {
                    let question = locked(&self.questions).remove(&request);
                    let Some(Question { reply, first_future }) = question else { continue };
                    let wish = match (&told, first_future) {
                        (Told::Item { item: Given::Future { key, .. }, .. }, Some(id)) => {
                            Some(self.wish(id, id, key.clone(), None))
                        }
                        _ => None,
                    };
                    if let Err(Ok(Reply::Coordinated { told, wish })) =
                        reply.send(Ok(Reply::Coordinated { told, wish }))
                    {
                        super::coordinate::give_back(self, told, wish.as_ref());
                    }
                }
                ToClient::Refused { request, why } => {
                    if let Some(question) = locked(&self.questions).remove(&request) {
                        question.reply.send(Err(DistError::Declined { why }.into())).ok();
                    }
                }
                ToClient::Holders { request, .. }
                | ToClient::Contents { request, .. }
                | ToClient::Workers { request, .. }
                | ToClient::Demand { request, .. }
                | ToClient::Ok { request }
                | ToClient::Datasets { request, .. }
                | ToClient::Progress { request, .. }
                | ToClient::Stories { request, .. }
                | ToClient::Report { request, .. } => {
                    if let Some(question) = locked(&self.questions).remove(&request) {
                        question.reply.send(Ok(Reply::Message(message))).ok();
                    }
                }
            }
        }
        self.fetch(fetches);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

/// The scheduler's words as an error.
fn failed(wanted: &Key, key: Key, layers: Vec<String>, failure: Failure) -> Error {
    match failure {
        Failure::Cancelled => DistError::CancelledFuture { key: Box::new(wanted.clone()) }.into(),
        failure => Error::Task { key: Box::new(key), layers, source: Arc::new(failure) },
    }
}

/// The thread of a connection.
fn background(address: &Address, settings: CommSettings, opened: oneshot::Sender<Result<Arc<Connection>>>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => {
            opened.send(Err(DistError::io("starting the client's runtime", source).into())).ok();
            return;
        }
    };
    runtime.block_on(async {
        let link: Link<FromClient, ToClient> = match connect(address, Hello::new(Role::Client), &settings).await {
            Ok(link) => link,
            Err(error) => {
                opened.send(Err(error.into())).ok();
                return;
            }
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let has_released = Arc::new(Notify::new());
        let connection = Arc::new(Connection {
            outbox: Mutex::new(Some(link.outbox)),
            runtime: Handle::current(),
            settings,
            address: address.to_string(),
            in_process: matches!(address, Address::InProc(_)),
            wishes: Mutex::default(),
            next_future: AtomicU64::new(0),
            questions: Mutex::default(),
            next_request: AtomicU64::new(0),
            released: Mutex::default(),
            has_released: has_released.clone(),
            gone: OnceLock::new(),
            peers: Peers::default(),
            stop: Mutex::new(Some(stop)),
            thread: Mutex::new(None),
            thread_id: std::thread::current().id(),
            kept: Mutex::new(None),
        });
        let listening = tokio::spawn(listen(Arc::downgrade(&connection), link.inbox));
        tokio::spawn(send_releases(Arc::downgrade(&connection), has_released));
        tokio::spawn(send_heartbeats(Arc::downgrade(&connection)));
        // If nobody waits any more, the connection ends here.
        opened.send(Ok(connection)).ok();
        // Ends when the sender is dropped.
        stopped.await.ok();
        // What was sent is delivered, the scheduler ends its side, and that is heard.
        tokio::time::timeout(LEAVE_MAX, listening).await.ok();
    });
}

async fn listen(connection: Weak<Connection>, mut inbox: Inbox<ToClient>) {
    loop {
        let received = inbox.recv().await;
        let Some(connection) = connection.upgrade() else {
            match received {
                Ok(Some(_)) => continue,
                _ => return,
            }
        };
        match received {
            Ok(Some(batch)) => connection.hear(batch),
            Ok(None) => return connection.lose(connection.gone_because("it closed the connection")),
            Err(error) => return connection.lose(connection.gone_because(&error.to_string())),
        }
    }
}

async fn send_releases(connection: Weak<Connection>, has_released: Arc<Notify>) {
    loop {
        has_released.notified().await;
        tokio::time::sleep(RELEASES_WAIT).await;
        let Some(connection) = connection.upgrade() else { return };
        connection.flush_releases();
    }
}

async fn send_heartbeats(connection: Weak<Connection>) {
    loop {
        tokio::time::sleep(HEARTBEAT_EVERY).await;
        let Some(connection) = connection.upgrade() else { return };
        if connection.gone.get().is_some() {
            return;
        }
        connection.post(Batch::one(FromClient::Heartbeat)).ok();
    }
}

/// A link to a worker's data.
pub(super) type PeerLink = Link<PeerRequest, PeerReply>;
