//! Messages that are well formed and make no sense: of tasks that are not there, attempts that never were, workers that
//! never came, futures that nobody has. Nobody who sends them may harm the scheduler or what others compute.

use dask_dist::protocol::{Ask, Call, Item, LayerCalls, Packed, Profile};

use super::*;

fn task() -> impl Strategy<Value = TaskRef> {
    let slot = prop_oneof![8 => 0u32..12, 1 => Just(u32::MAX), 1 => any::<u32>()];
    (slot, prop_oneof![4 => 0u32..3, 1 => any::<u32>()]).prop_map(|(slot, generation)| TaskRef { slot, generation })
}

fn run() -> impl Strategy<Value = RunId> {
    prop_oneof![4 => 0u32..5, 1 => any::<u32>()].prop_map(RunId)
}

fn worker() -> impl Strategy<Value = WorkerId> {
    prop_oneof![6 => 0u32..6, 1 => Just(u32::MAX), 1 => 0u32..1_000_000].prop_map(WorkerId)
}

fn future() -> impl Strategy<Value = FutureId> {
    prop_oneof![6 => 0u64..20, 1 => any::<u64>()].prop_map(FutureId)
}

fn futures() -> impl Strategy<Value = Vec<FutureId>> {
    prop::collection::vec(future(), 0..5)
}

fn size() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0u64..1000, 1 => Just(u64::MAX / 2)]
}

/// Callers that do not stand before, functions that are not named, layers that are not there.
fn profile() -> impl Strategy<Value = Profile> {
    let micros = prop_oneof![0u64..100, Just(u64::MAX)];
    let call = (0u32..6, 0u32..4, micros).prop_map(|(caller, function, micros)| Call { caller, function, micros });
    let calls = (0u32..8, prop::collection::vec(call, 0..5), size());
    let layer = calls.prop_map(|(kind, calls, cut)| LayerCalls { kind, calls, cut });
    (prop::collection::vec(".{0,3}", 0..3), prop::collection::vec(layer, 0..3))
        .prop_map(|(functions, layers)| Profile { functions, layers })
}

fn from_worker() -> impl Strategy<Value = FromWorker> {
    let failure = || Failure::Error { chain: vec!["made up".to_owned()] };
    let tasks = || prop::collection::vec(task(), 0..4);
    let attempts = || prop::collection::vec((task(), run()), 0..4);
    prop_oneof![
        3 => (task(), run(), size(), any::<u64>())
            .prop_map(|(task, run, nbytes, nanos)| FromWorker::Finished { task, run, nbytes, nanos, dropped: nanos }),
        1 => (task(), run()).prop_map(move |(task, run)| FromWorker::Failed { task, run, failure: failure() }),
        2 => prop::collection::vec((task(), size()), 0..4).prop_map(FromWorker::Added),
        2 => (task(), prop::collection::vec(worker(), 0..4), attempts())
            .prop_map(|(task, at, dependents)| FromWorker::Missing { task, at, dependents }),
        2 => attempts().prop_map(FromWorker::Retracted),
        2 => attempts().prop_map(FromWorker::Kept),
        1 => (task(), run()).prop_map(|(task, run)| FromWorker::Seceded { task, run }),
        2 => tasks().prop_map(FromWorker::Lost),
        1 => any::<bool>().prop_map(FromWorker::Paused),
        1 => (any::<u32>(), worker(), size(), profile()).prop_map(|(kind, from, nbytes, profile)| {
            let transfers = vec![Transfer { from, n: u32::MAX, nbytes, nanos: nbytes }];
            FromWorker::Noticed(Noticed { samples: vec![(kind % 8, [u32::MAX; 4])], transfers, profile })
        }),
        1 => Just(FromWorker::Leaving),
        1 => (any::<u64>(), any::<f32>()).prop_map(|(resident, cpu_percent)| {
            FromWorker::Heartbeat(Metrics { resident, cpu_percent, managed: resident, ..Metrics::default() })
        }),
    ]
}

fn ask() -> impl Strategy<Value = Ask<Item>> {
    let name = || "[ab]{0,1}";
    let item = || {
        prop_oneof![
            future().prop_map(|future| Item::Future { future, type_name: String::new(), shape: vec![u32::MAX; 3] }),
            Just(Item::Value(Packed { type_name: String::new(), bytes: vec![1], buffers: Vec::new() })),
        ]
    };
    prop_oneof![
        (name(), 0u32..3, any::<bool>()).prop_map(|(name, max, wait)| Ask::Acquire { name, max, worker: None, wait }),
        (0u64..10).prop_map(|lease| Ask::Release { lease }),
        name().prop_map(|name| Ask::Await { name }),
        (name(), any::<bool>()).prop_map(|(name, set)| Ask::Set { name, set }),
        (name(), item()).prop_map(|(name, item)| Ask::Assign { name, item }),
        (name(), future()).prop_map(|(name, future)| Ask::Read { name, future }),
        name().prop_map(|name| Ask::Delete { name }),
        (name(), item(), prop::option::of(0u32..3)).prop_map(|(name, item, max)| Ask::Put { name, max, item }),
        (name(), future(), any::<bool>()).prop_map(|(name, future, wait)| Ask::Take { name, future, wait }),
        (name(), item()).prop_map(|(name, item)| Ask::GiveBack { name, item }),
        name().prop_map(|topic| Ask::Subscribe { topic }),
        (0u64..10).prop_map(|subscription| Ask::Unsubscribe { subscription }),
        (0u64..10).prop_map(|subscription| Ask::Next { subscription }),
        (0u64..10).prop_map(|of| Ask::Withdraw { of }),
    ]
}

fn from_client() -> impl Strategy<Value = FromClient> {
    let request = 0u64..10;
    let workers = || prop::collection::vec(worker(), 0..4);
    let name = || "[ab]{0,1}";
    prop_oneof![
        2 => futures().prop_map(FromClient::Release),
        2 => futures().prop_map(FromClient::Cancel),
        2 => futures().prop_map(FromClient::Retry),
        1 => (future(), size(), any::<bool>()).prop_map(|(future, nbytes, broadcast)| FromClient::Scatter {
            future,
            name: Name::new("scattered"),
            nbytes,
            broadcast,
            workers: Vec::new()
        }),
        2 => (future(), workers()).prop_map(|(future, at)| FromClient::Missing { future, at }),
        1 => (request.clone(), futures()).prop_map(|(request, futures)| FromClient::WhoHas { request, futures }),
        1 => request.clone().prop_map(|request| FromClient::HasWhat { request }),
        2 => (request.clone(), futures(), any::<u32>())
            .prop_map(|(request, futures, n)| FromClient::Replicate { request, futures, n }),
        1 => request.clone().prop_map(|request| FromClient::Rebalance { request }),
        1 => request.clone().prop_map(|request| FromClient::Demand { request }),
        1 => (request.clone(), workers()).prop_map(|(request, workers)| FromClient::Retire { request, workers }),
        1 => (request.clone(), name(), futures())
            .prop_map(|(request, name, futures)| FromClient::Publish { request, name, futures, about: Vec::new() }),
        1 => (request.clone(), name()).prop_map(|(request, name)| FromClient::Unpublish { request, name }),
        1 => (request.clone(), name(), future())
            .prop_map(|(request, name, first_future)| FromClient::Dataset { request, name, first_future }),
        1 => (request.clone(), futures()).prop_map(|(request, futures)| FromClient::Story { request, futures }),
        1 => (request.clone(), futures()).prop_map(|(request, futures)| FromClient::Progress { request, futures }),
        1 => futures().prop_map(FromClient::FireAndForget),
        4 => (request, ask()).prop_map(|(request, ask)| FromClient::Coordinate { request, ask }),
    ]
}

#[derive(Clone, Debug)]
enum Said {
    Worker(WorkerId, FromWorker),
    Client(FromClient),
    Finished(WorkerId, TaskRef, RunId),
    Hello(u64, WorkerId, Vec<(TaskRef, u64)>),
    Gone(WorkerId),
    Tick,
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        6 => (worker(), from_worker()).prop_map(|(worker, message)| Said::Worker(worker, message)),
        6 => from_client().prop_map(Said::Client),
        1 => (worker(), task(), run()).prop_map(|(worker, task, run)| Said::Finished(worker, task, run)),
        1 => (0u64..2, worker(), prop::collection::vec((task(), size()), 0..4))
            .prop_map(|(cluster, was, holds)| Said::Hello(cluster, was, holds)),
        1 => worker().prop_map(Said::Gone),
        1 => Just(Said::Tick),
    ]
}

/// What the machine asks for goes nowhere.
fn flush(machine: &mut Machine) {
    machine.flush(&mut Vec::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    /// The machine checks all invariants after every event, and panics if one is broken.
    #[test]
    fn nonsense_harms_nobody(first in arbitrary_graph(), all in prop::collection::vec(said(), 0..60)) {
        let mut machine = Machine::new(settings(), 7);
        machine.record();
        let mut now = Duration::ZERO;
        let (client, other) = (machine.add_client(now), machine.add_client(now));
        for address in ["sim://0", "sim://1", "sim://2"] {
            machine.add_worker(now, WorkerHello { address: address.into(), n_threads: 2, ..WorkerHello::default() });
        }
        flush(&mut machine);
        let outputs: Vec<u32> = (0..first.len() as u32).collect();
        for (client, from) in [(client, 0), (other, 5)] {
            let (submit, functions) = submission("graph", &first, &outputs, from);
            machine.handle(now, Event::Submit { client, submit, functions });
            flush(&mut machine);
        }
        for said in all {
            now += Duration::from_millis(100);
            match said {
                Said::Worker(worker, message) => machine.handle(now, Event::Worker(worker, message)),
                Said::Client(message) => machine.handle(now, Event::Client(client, message)),
                Said::Finished(worker, task, run) => {
                    let value = Value::new(1i64);
                    machine.handle(now, Event::Finished { worker, of: (task, run), nbytes: 8, nanos: 1, dropped: 1, value });
                }
                Said::Hello(cluster, was, holds) => {
                    let hello = WorkerHello { holds, was: Some(was), cluster: (cluster, 0), ..WorkerHello::default() };
                    machine.add_worker(now, hello);
                }
                Said::Gone(worker) => machine.handle(now, Event::WorkerLost(worker, "it was said to be".to_owned())),
                Said::Tick => machine.handle(now, Event::Tick),
            }
            flush(&mut machine);
        }
        // Whoever spoke nonsense goes, and takes nothing of others along.
        machine.handle(now, Event::ClientLost(client));
        machine.handle(now, Event::ClientLost(other));
        flush(&mut machine);
    }
}
