//! The last that happened, for people who watch: bounded, and kept only if somebody may watch.

use std::collections::VecDeque;
use std::time::Duration;

use dask_core::Key;

use super::profile::Profiles;
use super::task::State;
use super::traffic::Pairs;
use crate::protocol::{ACTIVITIES, TaskRef, WorkerId};

/// What happened at most is kept.
const TASKS_MAX: usize = 8192;
/// Of each second at most so many tasks are noted one by one; the others are counted.
const TASKS_A_SECOND: u32 = 2000;
const NEWS_MAX: usize = 512;
/// Changes of tasks' states: 3 MB.
const ENTERED_MAX: usize = 65_536;
/// Of each second at most so many are noted, the first; the others are counted. So some seconds are remembered, however
/// many tasks there are, and noting costs those little who come by the hundred thousand.
const ENTERED_A_SECOND: u32 = 20_000;
const _: () = assert!(size_of::<Entered>() <= 48);

/// A task that ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Which.
    pub key: Key,
    /// Where.
    pub worker: WorkerId,
    /// When, since the start of the scheduler; the report may have taken a while.
    pub at: Duration,
    /// How long its function took; zero if it failed.
    pub took: Duration,
    /// The size of its value.
    pub nbytes: u64,
    /// Whether it failed.
    pub failed: bool,
}

/// A task came into a state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entered {
    pub(super) task: TaskRef,
    pub(super) at: Duration,
    pub(super) state: State,
    /// At which worker, for tasks that are processed.
    pub(super) on: Option<WorkerId>,
}

/// Since the start, for the tasks of one kind of layer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    /// How many are in each state now, in the order of [`STATES`](super::snapshot::STATES).
    pub(super) now: [u64; 7],
    /// How often one came into a state, in the order of [`STATES`](super::snapshot::STATES).
    pub(super) entered: [u64; 7],
    /// How many were forgotten.
    pub(super) forgotten: u64,
    /// How often one was suspected of its worker's death.
    pub(super) suspicious: u64,
    /// Milliseconds that threads were seen at each of [`ACTIVITIES`].
    pub(super) activity: [u64; ACTIVITIES.len()],
}

/// The tasks that ended since somebody asked last.
#[derive(Clone, Debug, Default)]
pub struct EndedSince {
    /// The last of them, those that were noted.
    pub tasks: Vec<Ended>,
    /// Where to go on.
    pub next: u64,
    /// All that ended since the start, noted or not.
    pub n_ended: u64,
}

/// Something that people want to know.
#[derive(Clone, Debug)]
pub struct News {
    /// When, since the start of the scheduler.
    pub at: Duration,
    /// What.
    pub text: String,
}

/// The last events, numbered from zero on.
#[derive(Debug)]
pub(super) struct Ring<T> {
    items: VecDeque<T>,
    /// The number of the next.
    next: u64,
    max: usize,
}

impl<T: Clone> Ring<T> {
    fn new(max: usize) -> Self {
        Self { items: VecDeque::new(), next: 0, max }
    }

    fn push(&mut self, item: T) {
        if self.items.len() == self.max {
            self.items.pop_front();
        }
        self.items.push_back(item);
        self.next += 1;
    }

    /// Those from number `from` on, the last `max` of them, and the number of the next.
    fn since(&self, from: u64, max: usize) -> (Vec<T>, u64) {
        let n = usize::try_from(self.next.saturating_sub(from)).unwrap_or(usize::MAX).min(max).min(self.items.len());
        (self.items.range(self.items.len() - n..).cloned().collect(), self.next)
    }
}

/// What has happened lately.
#[derive(Debug)]
pub(super) struct Recorder {
    tasks: Ring<Ended>,
    entered: Ring<Entered>,
    /// The second of the last change, and how many were noted in it.
    entered_in: (u64, u32),
    /// For each kind of layer.
    totals: Vec<Totals>,
    news: Ring<News>,
    pub(super) pairs: Pairs,
    pub(super) profiles: Profiles,
    second: u64,
    noted: u32,
    n_ended: u64,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            tasks: Ring::new(TASKS_MAX),
            entered: Ring::new(ENTERED_MAX),
            entered_in: (0, 0),
            totals: Vec::new(),
            news: Ring::new(NEWS_MAX),
            pairs: Pairs::default(),
            profiles: Profiles::default(),
            second: 0,
            noted: 0,
            n_ended: 0,
        }
    }
}

impl Recorder {
    /// Counts a task; whether it is to be noted too.
    #[inline]
    pub(super) fn counts(&mut self, now: Duration) -> bool {
        self.n_ended += 1;
        if self.second != now.as_secs() {
            (self.second, self.noted) = (now.as_secs(), 0);
        }
        self.noted += 1;
        self.noted <= TASKS_A_SECOND
    }

    pub(super) fn note(&mut self, ended: Ended) {
        self.tasks.push(ended);
    }

    /// A task came from a state into another, by their places in the order of states.
    #[inline]
    pub(super) fn enters(&mut self, entered: Entered, (from, place): (usize, usize), group: u32) {
        let totals = self.totals_mut(group);
        totals.entered[place] += 1;
        totals.now[from] -= 1;
        totals.now[place] += 1;
        let second = entered.at.as_secs();
        if self.entered_in.0 != second {
            self.entered_in = (second, 0);
        }
        if self.entered_in.1 < ENTERED_A_SECOND {
            self.entered_in.1 += 1;
            self.entered.push(entered);
        }
    }

    /// When a task came into which state: the last, as far as they are remembered.
    pub(super) fn history(&self, task: TaskRef) -> impl Iterator<Item = &Entered> {
        self.entered.items.iter().filter(move |entered| entered.task == task)
    }

    pub(super) fn totals_mut(&mut self, group: u32) -> &mut Totals {
        if self.totals.len() <= group as usize {
            self.totals.resize(group as usize + 1, Totals::default());
        }
        &mut self.totals[group as usize]
    }

    pub(super) fn totals(&self, group: usize) -> Totals {
        self.totals.get(group).copied().unwrap_or_default()
    }

    pub(super) fn news(&mut self, at: Duration, text: String) {
        self.news.push(News { at, text });
    }

    /// What threads of a worker were seen at, by kind of layer, of which there are `n_kinds`.
    pub(super) fn saw(&mut self, samples: &[(u32, [u32; ACTIVITIES.len()])], n_kinds: usize) {
        for (kind, spent) in samples.iter().filter(|(kind, _)| (*kind as usize) < n_kinds) {
            let sums = &mut self.totals_mut(*kind).activity;
            sums.iter_mut().zip(spent).for_each(|(sum, &new)| *sum = sum.saturating_add(u64::from(new)));
        }
    }

    /// Tasks that ended so far, noted or not.
    pub(super) fn n_ended(&self) -> u64 {
        self.n_ended
    }

    pub(super) fn tasks_since(&self, from: u64, max: usize) -> EndedSince {
        let (tasks, next) = self.tasks.since(from, max);
        EndedSince { tasks, next, n_ended: self.n_ended }
    }

    pub(super) fn news_since(&self, from: u64, max: usize) -> (Vec<News>, u64) {
        self.news.since(from, max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_counted_and_those_of_some_seconds_remembered() {
        let mut recorder = Recorder::default();
        let n = 2 * ENTERED_A_SECOND;
        recorder.totals_mut(1).now[4] = u64::from(4 * n);
        for i in 0..4 * n {
            let (task, at) = (TaskRef { slot: i % n, generation: 0 }, Duration::from_secs(u64::from(i / n)));
            recorder.enters(Entered { task, at, state: State::Memory, on: None }, (4, 5), 1);
        }
        assert_eq!(recorder.totals(1).entered[5], u64::from(4 * n));
        assert_eq!(recorder.totals(1).now, [0, 0, 0, 0, 0, u64::from(4 * n), 0]);
        // Of the first tasks of each second; the oldest are forgotten.
        let noted = |slot| recorder.history(TaskRef { slot, generation: 0 }).count();
        assert_eq!((noted(0), noted(ENTERED_A_SECOND - 1), noted(ENTERED_A_SECOND)), (3, 4, 0));
    }

    #[test]
    fn what_threads_are_seen_at_is_added_up_for_kinds_of_layers_that_there_are() {
        let mut recorder = Recorder::default();
        (0..2).for_each(|_| recorder.saw(&[(0, [1, 2, 3, 4]), (9, [1; 4])], 1));
        assert_eq!((recorder.totals(0).activity, recorder.totals(9).activity), ([2, 4, 6, 8], [0; 4]));
    }

    #[test]
    fn it_is_bounded_and_numbered() {
        let mut recorder = Recorder::default();
        let mut noted = 0;
        for i in 0..20_000u64 {
            let at = Duration::from_millis(i / 10);
            if recorder.counts(at) {
                noted += 1;
                let key = format!("x-{i}").parse().unwrap();
                recorder.note(Ended { key, worker: WorkerId(0), at, took: at, nbytes: i, failed: false });
            }
            recorder.news(at, i.to_string());
        }
        assert_eq!((recorder.n_ended(), noted), (20_000, 2 * TASKS_A_SECOND));
        let EndedSince { tasks: last, next, n_ended } = recorder.tasks_since(0, 10);
        assert_eq!((last.len(), last[9].nbytes, next, n_ended), (10, 11_999, u64::from(noted), 20_000));
        assert!(recorder.tasks_since(next, 10).tasks.is_empty());
        assert_eq!(recorder.tasks_since(next - 3, 10).tasks.len(), 3);
        let (news, next) = recorder.news_since(0, usize::MAX);
        assert_eq!((news.len(), next, news[0].text.as_str()), (NEWS_MAX, 20_000, "19488"));
    }
}
