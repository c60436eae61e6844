//! How far the tasks are that some futures need: counted in steps of bounded time, each asked for by the client.

use super::Machine;
use super::task::State;
use super::workers::set_bit;
use crate::protocol::{ClientId, FutureId, ToClient};

/// Tasks that are counted in one step: about a millisecond.
const STEP: u32 = 20_000;

/// A count under way. Tasks that are forgotten meanwhile, and others that take their slots, blur it, no more.
#[derive(Default)]
pub(super) struct Walk {
    /// By slot.
    seen: Vec<u64>,
    open: Vec<u32>,
    /// Tasks that have ended; those of them that failed; all that were met.
    counts: [u64; 3],
}

impl Machine {
    /// Begins to count what futures need; without any, goes on with what the client began.
    pub(super) fn walk(&mut self, id: ClientId, request: u64, futures: &[FutureId]) {
        let begun = self.clients.all.get_mut(&id).and_then(|client| client.walk.take());
        let mut walk = begun.filter(|_| futures.is_empty()).unwrap_or_default();
        for slot in self.slots_of(id, futures) {
            if set_bit(&mut walk.seen, slot) {
                walk.open.push(slot);
            }
        }
        for _ in 0..STEP {
            let Some(slot) = walk.open.pop() else { break };
            self.count(slot, &mut walk);
        }
        let ([ended, failed, all], more) = (walk.counts, !walk.open.is_empty());
        if more && let Some(client) = self.clients.all.get_mut(&id) {
            client.walk = Some(walk);
        }
        self.outbox.tell(id, ToClient::Progress { request, ended, failed, all, more });
    }

    fn count(&self, slot: u32, walk: &mut Walk) {
        let task = &self.tasks[slot];
        let (ended, failed) = match task.state {
            State::Vacant => return,
            State::Memory | State::Released => (1, 0),
            State::Erred => (1, 1),
            State::Waiting | State::Queued | State::NoWorker | State::Processing => (0, 0),
        };
        walk.counts = [walk.counts[0] + ended, walk.counts[1] + failed, walk.counts[2] + 1];
        for &dependency in self.tasks.edges(task.dependencies) {
            if set_bit(&mut walk.seen, dependency) {
                walk.open.push(dependency);
            }
        }
    }
}
