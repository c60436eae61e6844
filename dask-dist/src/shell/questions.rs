//! Questions of those who watch a scheduler: each is answered between two turns of its loop, in bounded time.

use std::sync::{Arc, Mutex, PoisonError};

use dask_core::Key;
use tokio::sync::{mpsc, oneshot};

use crate::scheduler::{
    EndedSince, LayerCount, LayerProfile, Machine, News, Overview, SmallGraph, TaskStory, Traffic, Turns,
};

const WAITING_MAX: usize = 64;

/// A question, and where the answer goes.
pub(crate) enum Question {
    Alive(oneshot::Sender<()>),
    Overview(oneshot::Sender<Overview>),
    Layers(oneshot::Sender<Vec<LayerCount>>),
    Ended { from: u64, max: usize, answer: oneshot::Sender<EndedSince> },
    News { from: u64, max: usize, answer: oneshot::Sender<(Vec<News>, u64)> },
    Story(Key, oneshot::Sender<Option<TaskStory>>),
    Traffic { max: usize, answer: oneshot::Sender<Traffic> },
    Profile { layer: String, max: usize, answer: oneshot::Sender<Option<LayerProfile>> },
    Graph { max: u32, answer: oneshot::Sender<SmallGraph> },
}

impl Question {
    pub(super) fn answer(self, machine: &Machine, turns: Turns) {
        // Who does not wait for the answer any more does not get it.
        match self {
            Self::Alive(answer) => drop(answer.send(())),
            Self::Overview(answer) => drop(answer.send(Overview { turns, ..machine.overview() })),
            Self::Layers(answer) => drop(answer.send(machine.layer_counts())),
            Self::Ended { from, max, answer } => drop(answer.send(machine.ended_since(from, max))),
            Self::News { from, max, answer } => drop(answer.send(machine.news_since(from, max))),
            Self::Story(key, answer) => drop(answer.send(machine.task_story(&key))),
            Self::Traffic { max, answer } => drop(answer.send(machine.traffic(max))),
            Self::Profile { layer, max, answer } => drop(answer.send(machine.layer_profile(&layer, max))),
            Self::Graph { max, answer } => drop(answer.send(machine.small_graph(max))),
        }
    }
}

/// The scheduler's end of the questions: given to it in its options, and taken when it starts.
#[derive(Clone)]
pub struct Asked(Arc<Mutex<Option<Ends>>>);

/// A way to ask, and where the questions come out.
type Ends = (Questions, mpsc::Receiver<Question>);

impl Asked {
    /// The questions, and a way to ask some oneself.
    pub(crate) fn take(&self) -> Option<Ends> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Asks a scheduler.
#[derive(Clone, Debug)]
pub struct Questions(mpsc::Sender<Question>);

impl Questions {
    /// Who asks, and what the scheduler's options are given.
    pub fn new() -> (Self, Asked) {
        let (ask, asked) = mpsc::channel(WAITING_MAX);
        let ask = Self(ask);
        (ask.clone(), Asked(Arc::new(Mutex::new(Some((ask, asked))))))
    }

    async fn ask<A>(&self, question: impl FnOnce(oneshot::Sender<A>) -> Question) -> Option<A> {
        let (answer, answered) = oneshot::channel();
        self.0.send(question(answer)).await.ok()?;
        answered.await.ok()
    }

    /// Whether there is an answer at all.
    pub async fn alive(&self) -> Option<()> {
        self.ask(Question::Alive).await
    }

    /// All that is cheap to know. Each of these is `None` if the scheduler has ended.
    pub async fn overview(&self) -> Option<Overview> {
        self.ask(Question::Overview).await
    }

    /// How many tasks of each kind of layer are where.
    pub async fn layers(&self) -> Option<Vec<LayerCount>> {
        self.ask(Question::Layers).await
    }

    /// Tasks that ended, from number `from` on, the last `max` of them; and the number of the next.
    pub async fn ended(&self, from: u64, max: usize) -> Option<EndedSince> {
        self.ask(|answer| Question::Ended { from, max, answer }).await
    }

    /// News, as [`ended`](Questions::ended).
    pub async fn news(&self, from: u64, max: usize) -> Option<(Vec<News>, u64)> {
        self.ask(|answer| Question::News { from, max, answer }).await
    }

    /// A task's story; the inner `None` if there is no such task.
    pub async fn story(&self, key: Key) -> Option<Option<TaskStory>> {
        self.ask(|answer| Question::Story(key, answer)).await
    }

    /// Between which workers values went: the `max` pairs with most bytes.
    pub async fn traffic(&self, max: usize) -> Option<Traffic> {
        self.ask(|answer| Question::Traffic { max, answer }).await
    }

    /// In which functions the tasks of a kind of layer were seen: the `max` calls with most time. The inner `None` if there
    /// is no such kind of layer.
    pub async fn profile(&self, layer: String, max: usize) -> Option<Option<LayerProfile>> {
        self.ask(|answer| Question::Profile { layer, max, answer }).await
    }

    /// The tasks in the first `max` slots and their edges.
    pub async fn graph(&self, max: u32) -> Option<SmallGraph> {
        self.ask(|answer| Question::Graph { max, answer }).await
    }
}
