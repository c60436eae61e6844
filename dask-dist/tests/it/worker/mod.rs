//! A worker, driven by hand, within the process and over TCP.

mod rig;

use dask_core::Value;
use dask_dist::DistError;
use dask_dist::protocol::*;
use dask_dist::shell::worker::WorkerOptions;
use dask_dist::transport::{Address, CommSettings, Hello, Listener, Role};
use dask_dist::worker::Settings;
use rig::{MALFORMED, Op, Rig, dependency, new_gate, open_gate, t, task};

/// Whatever is to hold within the process and over TCP.
async fn both(check: impl AsyncFn(Rig)) {
    check(Rig::new(false).await).await;
    check(Rig::new(true).await).await;
}

fn options() -> WorkerOptions {
    WorkerOptions::default()
}

fn with_memory(memory_limit: u64) -> WorkerOptions {
    WorkerOptions { settings: Settings { memory_limit, own_process: false, ..Settings::default() }, ..options() }
}

#[tokio::test]
async fn tasks_run_one_after_the_other_and_their_values_can_be_had() {
    both(async |mut rig| {
        let mut worker = rig.worker(options()).await;
        let me = worker.id;
        worker.give(vec![task(Op::Sum, 1, 10, &[]), task(Op::Sum, 2, 1, &[])]);
        worker.finished(1).await;
        worker.finished(2).await;
        worker.give(vec![task(Op::Sum, 3, 5, &[(1, me), (2, me), (1, me)])]);
        assert_eq!(worker.finished(3).await, 8);
        assert_eq!(worker.number(3).await, 26);
        worker.say(ToWorker::Free(vec![t(1)]));
        worker.give(vec![task(Op::Sum, 4, 0, &[(3, me)])]);
        worker.finished(4).await;
        let (found, missing) = worker.get(&[4, 1]).await;
        assert_eq!((found.len(), missing), (1, vec![t(1)]));
    })
    .await;
}

#[tokio::test]
async fn errors_come_with_their_sources_and_panics_as_errors_and_the_worker_goes_on() {
    let mut rig = Rig::new(true).await;
    let mut worker = rig.worker(options()).await;
    worker.give(vec![task(Op::Fail, 1, 0, &[]), task(Op::Panic, 2, 7, &[])]);
    let chain = vec!["invalid digit found in string".to_owned()];
    assert_eq!(worker.failed(1).await, Failure::Error { chain });
    assert_eq!(worker.failed(2).await, Failure::Error { chain: vec!["panicked: at 7".to_owned()] });
    let malformed = |slot, function| ComputeTask { function: FunctionId(function), ..task(Op::Sum, slot, 0, &[]) };
    worker.give(vec![malformed(3, MALFORMED), malformed(4, 50)]);
    let Failure::Malformed { why } = worker.failed(3).await else { panic!("it was read") };
    assert!(!why.is_empty());
    assert_eq!(worker.failed(4).await, Failure::Malformed { why: "the function did not come".to_owned() });
    worker.give(vec![task(Op::Sum, 5, 1, &[])]);
    worker.finished(5).await;
}

#[tokio::test]
async fn inputs_come_from_other_workers() {
    both(async |mut rig| {
        let mut left = rig.worker(options()).await;
        let mut right = rig.worker(options()).await;
        left.give(vec![task(Op::Fill, 1, 50, &[]), task(Op::Fill, 2, 3, &[])]);
        left.finished(1).await;
        left.finished(2).await;
        let from = left.id;
        right.give(vec![task(Op::Lengths, 3, 0, &[(1, from), (2, from), (1, from)])]);
        let FromWorker::Added(mut added) = right.news().await else { panic!("nothing was fetched") };
        added.sort_unstable();
        assert_eq!(added.iter().map(|(task, _)| *task).collect::<Vec<_>>(), [t(1), t(2)]);
        right.finished(3).await;
        assert_eq!(right.number(3).await, 103_000);
        right.say(ToWorker::Acquire(vec![dependency(2, &[from])]));
        assert!(matches!(right.news().await, FromWorker::Added(_)));
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_dies_while_it_is_asked_is_replaced_by_another_holder() {
    both(async |mut rig| {
        let mut holder = rig.worker(options()).await;
        holder.put(1, Value::new(40i64)).await;
        let address = match &holder.address {
            Address::Tcp(_) | Address::Tls(_) => Address::Tcp("127.0.0.1:0".to_owned()),
            Address::InProc(name) => Address::InProc(format!("{name}-dying")),
        };
        let mut dying = Listener::bind(&address, Hello::new(Role::Worker), &CommSettings::default()).await.unwrap();
        let dying_id = rig.pretend(&dying.address());
        let mut worker = rig.worker(options()).await;
        let holders = [dying_id, holder.id];
        let asking = |slot| {
            // The one that dies is asked first where it is the only one.
            let mut asks = task(Op::Sum, slot, 2, &[]);
            asks.dependencies = [dependency(1, &holders[..1])].into_iter().collect();
            asks
        };
        worker.give(vec![asking(5)]);
        let incoming = dying.accept().await.unwrap();
        let mut link = incoming.link::<PeerReply, PeerRequest>().unwrap();
        let asked = link.inbox.recv().await.unwrap().unwrap().messages;
        assert!(matches!(&asked[..], [PeerRequest::Get { tasks, .. }] if tasks[..] == [t(1)]), "{asked:?}");
        // Another holder becomes known while the request is under way.
        let mut other = asking(6);
        other.dependencies = [dependency(1, &holders)].into_iter().collect();
        worker.give(vec![other]);
        // So that the worker has heard it before the peer dies.
        worker.give(vec![task(Op::Sum, 0, 0, &[])]);
        worker.finished(0).await;
        drop(link);
        assert!(matches!(worker.news().await, FromWorker::Added(_)));
        worker.finished(5).await;
        worker.finished(6).await;
        assert_eq!(worker.number(5).await, 42);
    })
    .await;
}

#[tokio::test]
async fn a_worker_waits_for_another_that_is_about_to_have_the_value() {
    both(async |mut rig| {
        let mut middle = rig.worker(options()).await;
        let address = match &middle.address {
            Address::Tcp(_) | Address::Tls(_) => Address::Tcp("127.0.0.1:0".to_owned()),
            Address::InProc(name) => Address::InProc(format!("{name}-slow")),
        };
        let mut slow = Listener::bind(&address, Hello::new(Role::Worker), &CommSettings::default()).await.unwrap();
        let slow_id = rig.pretend(&slow.address());
        // It is told where the others are, having come last.
        let mut last = rig.worker(options()).await;
        middle.say(ToWorker::Peers(vec![(slow_id, slow.address().to_string())]));
        middle.say(ToWorker::Acquire(vec![dependency(1, &[slow_id]), dependency(2, &[slow_id])]));
        let mut link = slow.accept().await.unwrap().link::<PeerReply, PeerRequest>().unwrap();
        let asked = link.inbox.recv().await.unwrap().unwrap().messages;
        assert!(matches!(&asked[..], [PeerRequest::Get { turns, .. }] if turns.is_empty()), "{asked:?}");
        let first = Some(First { from: middle.id, turn: 2 });
        last.say(ToWorker::Acquire(vec![
            Dependency { first, ..dependency(1, &[slow_id]) },
            Dependency { first, ..dependency(2, &[slow_id]) },
        ]));
        // What the other has is given meanwhile.
        middle.put(3, Value::new(3i64)).await;
        last.say(ToWorker::Acquire(vec![dependency(3, &[middle.id])]));
        let FromWorker::Added(added) = last.news().await else { panic!("it did not come") };
        assert_eq!(added[0].0, t(3));
        let data = |slot, last| Batch {
            messages: vec![PeerReply::Data {
                request: 0,
                found: vec![t(slot)],
                missing: Vec::new(),
                refused: Vec::new(),
                last,
            }],
            attachments: vec![Value::new(i64::from(slot)).to_parcel().map(Value::encoded).unwrap()],
        };
        for (slot, is_last) in [(1, false), (2, true)] {
            link.outbox.send(data(slot, is_last)).unwrap();
            for worker in [&mut middle, &mut last] {
                let FromWorker::Added(added) = worker.news().await else { panic!("it did not come") };
                assert_eq!(added[0].0, t(slot));
            }
        }
        assert_eq!((last.number(1).await, last.number(2).await), (1, 2));
    })
    .await;
}

#[tokio::test]
async fn tasks_whose_inputs_nobody_has_are_given_back() {
    both(async |mut rig| {
        let mut worker = rig.worker(options()).await;
        let empty = rig.worker(options()).await;
        let nowhere = rig.pretend(&match &empty.address {
            Address::Tcp(_) | Address::Tls(_) => "tcp://127.0.0.1:9".parse().unwrap(),
            Address::InProc(_) => Address::InProc("nobody-listens-here".to_owned()),
        });
        worker.say(ToWorker::Peers(vec![(empty.id, empty.address.to_string())]));
        let mut needs = task(Op::Sum, 5, 2, &[]);
        needs.dependencies = [dependency(1, &[empty.id, nowhere])].into_iter().collect();
        worker.give(vec![needs]);
        let FromWorker::Missing { task, mut at, dependents } = worker.news().await else { panic!("it is there") };
        at.sort_unstable();
        assert_eq!((task, at, dependents), (t(1), vec![empty.id, nowhere], vec![(t(5), RunId(1))]));
    })
    .await;
}

#[tokio::test]
async fn values_go_to_disk_and_come_back_for_tasks_and_for_peers() {
    both(async |mut rig| {
        let folder = tempfile::tempdir().unwrap();
        let options = WorkerOptions { directory: Some(folder.path().to_owned()), ..with_memory(1_000_000) };
        let mut worker = rig.worker(options).await;
        let me = worker.id;
        for slot in 1..=5 {
            worker.put(slot, Value::new(vec![slot as u8; 400_000])).await;
        }
        let metrics = worker.heartbeat(|metrics| 1_600_000 <= metrics.spilled).await;
        assert!(metrics.managed <= 600_000, "{metrics:?}");
        // A peer gets what is on disk, and it stays there.
        let (found, missing) = worker.get(&[1, 2, 3, 4, 5]).await;
        assert_eq!((found.len(), missing), (5, vec![]));
        assert!(found.iter().all(|(task, value)| value.get::<Vec<u8>>().unwrap() == &vec![task.slot as u8; 400_000]));
        // More than fits is gathered for one task all the same.
        let all: Vec<(u32, WorkerId)> = (1..=5).map(|slot| (slot, me)).collect();
        worker.give(vec![task(Op::Lengths, 10, 0, &all)]);
        while !matches!(worker.news().await, FromWorker::Finished { .. }) {}
        assert_eq!(worker.number(10).await, 2_000_000);
        worker.say(ToWorker::Free((1..=10).map(t).collect()));
        worker.heartbeat(|metrics| metrics.spilled == 0 && metrics.managed == 0).await;
        worker.say(ToWorker::Close { why: "done".to_owned() });
        worker.ended().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_disk_that_takes_nothing_keeps_values_in_memory() {
    let mut rig = Rig::new(false).await;
    let options = WorkerOptions { directory: Some("/no/such/folder".into()), ..with_memory(1_000_000) };
    let mut worker = rig.worker(options).await;
    let me = worker.id;
    worker.put(1, Value::new(vec![1u8; 700_000])).await;
    worker.heartbeat(|metrics| 700_000 <= metrics.managed && metrics.spilled == 0).await;
    worker.give(vec![task(Op::Lengths, 2, 0, &[(1, me)])]);
    worker.finished(2).await;
    assert_eq!(worker.number(2).await, 700_000);
}

#[tokio::test]
async fn a_full_worker_says_so_and_says_when_it_is_not_any_more() {
    let mut rig = Rig::new(false).await;
    let mut worker = rig.worker(WorkerOptions { directory: Some("/no/such".into()), ..with_memory(1_000_000) }).await;
    worker.put(1, Value::new(vec![1u8; 900_000])).await;
    assert_eq!(worker.news().await, FromWorker::Paused(true));
    worker.say(ToWorker::Free(vec![t(1)]));
    assert_eq!(worker.news().await, FromWorker::Paused(false));
}

#[tokio::test]
async fn every_task_is_either_given_back_or_run_whenever_it_is_asked_for() {
    let mut rig = Rig::new(true).await;
    let mut worker = rig.worker(options()).await;
    for round in 0..50u32 {
        let slots: Vec<u32> = (100 * round..100 * round + 10).collect();
        worker.give(slots.iter().map(|&slot| task(Op::Sum, slot, 1, &[])).collect());
        let asked: Vec<u32> = slots[(round % 7) as usize..].to_vec();
        worker.say(ToWorker::Retract(asked.iter().map(|&slot| (t(slot), RunId(1))).collect()));
        let mut answered = Vec::new();
        while answered.len() < slots.len() {
            match worker.news().await {
                FromWorker::Finished { task, .. } => answered.push(task.slot),
                FromWorker::Retracted(tasks) => {
                    assert!(tasks.iter().all(|(task, _)| asked.contains(&task.slot)), "{tasks:?}");
                    answered.extend(tasks.iter().map(|(task, _)| task.slot));
                }
                // Its report follows.
                FromWorker::Kept(tasks) => {
                    assert!(tasks.iter().all(|(task, _)| asked.contains(&task.slot)), "{tasks:?}");
                }
                other => panic!("{other:?}"),
            }
        }
        answered.sort_unstable();
        assert_eq!(answered, slots);
    }
}

#[tokio::test]
async fn a_task_that_runs_is_not_given_back_and_one_that_waits_is() {
    let mut rig = Rig::new(false).await;
    let mut worker = rig.worker(options()).await;
    let gate = new_gate();
    worker.give(vec![task(Op::Wait, 1, gate, &[]), task(Op::Sum, 2, 0, &[])]);
    worker.heartbeat(|metrics| metrics.executing == 1 && metrics.waiting == 1).await;
    worker.say(ToWorker::Retract(vec![(t(1), RunId(1)), (t(2), RunId(1))]));
    assert_eq!(worker.news().await, FromWorker::Retracted(vec![(t(2), RunId(1))]));
    assert_eq!(worker.news().await, FromWorker::Kept(vec![(t(1), RunId(1))]));
    open_gate(gate);
    worker.finished(1).await;
}

#[tokio::test]
async fn a_task_that_secedes_makes_room_for_the_one_it_waits_for() {
    let mut rig = Rig::new(false).await;
    let mut worker = rig.worker(options()).await;
    let gate = new_gate();
    worker.give(vec![task(Op::WaitAside, 1, gate, &[]), task(Op::Open, 2, gate, &[])]);
    assert_eq!(worker.news().await, FromWorker::Seceded { task: t(1), run: RunId(1) });
    let mut over = Vec::new();
    while over.len() < 2 {
        let FromWorker::Finished { task, .. } = worker.news().await else { panic!("a failure") };
        over.push(task.slot);
    }
    over.sort_unstable();
    assert_eq!(over, [1, 2]);
}

#[tokio::test]
async fn a_task_knows_its_worker() {
    both(async |mut rig| {
        let mut worker = rig.worker(options()).await;
        worker.give(vec![task(Op::Where, 1, 0, &[])]);
        worker.finished(1).await;
        let found = worker.get(&[1]).await.0;
        let text = found[0].1.get::<String>().unwrap();
        assert!(text.ends_with(&format!(" {}", worker.address)) && text.contains("://"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn a_worker_without_a_scheduler_ends_and_says_so() {
    both(async |mut rig| {
        let worker = rig.worker(options()).await;
        drop(rig);
        let ended = worker.ended().await;
        assert!(matches!(ended, Err(DistError::SchedulerGone { .. })), "{ended:?}");
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_may_comes_back_to_its_scheduler_with_its_values() {
    both(async |mut rig| {
        let options = WorkerOptions { reconnect: std::time::Duration::from_secs(3600), ..options() };
        let mut worker = rig.worker(options).await;
        worker.put(1, Value::new(1i64)).await;
        let again = tokio::spawn(worker.ended());
        let (outbox, mut inbox, hello) = rig.accept().await;
        assert_eq!((hello.holds.len(), hello.was, hello.cluster), (1, Some(WorkerId(0)), (5, 0)));
        outbox.send(Batch::one(ToWorker::Welcome { worker: WorkerId(7), cluster: (5, 0) })).unwrap();
        let beat = inbox.recv().await.unwrap().unwrap().messages;
        assert!(matches!(&beat[..], [FromWorker::Heartbeat(metrics)] if 0 < metrics.managed), "{beat:?}");
        outbox.send(Batch::one(ToWorker::Close { why: "done".to_owned() })).unwrap();
        again.await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_worker_with_more_values_than_a_greeting_holds_names_the_others_when_it_is_welcome() {
    const REST: u32 = 7;
    for cluster in [5, 6] {
        let mut rig = Rig::new(false).await;
        let options = WorkerOptions { reconnect: std::time::Duration::from_secs(3600), ..options() };
        let mut worker = rig.worker(options).await;
        let large = (REST..40_000 + REST).map(|slot| (slot, Value::new("large".to_owned())));
        worker.put_all((0..REST).map(|slot| (slot, Value::new(1_i64))).chain(large).collect()).await;
        let again = tokio::spawn(worker.ended());
        let (outbox, mut inbox, hello) = rig.accept().await;
        assert!(hello.holds.len() == 40_000 && hello.holds.iter().all(|(task, _)| REST <= task.slot));
        outbox.send(Batch::one(ToWorker::Welcome { worker: WorkerId(7), cluster: (cluster, 0) })).unwrap();
        let mut heard = Vec::new();
        // Of another cluster's values it forgets those that it cannot ask about.
        while !matches!(heard.last(), Some(FromWorker::Heartbeat(_))) {
            heard.extend(inbox.recv().await.unwrap().unwrap().messages);
        }
        let rest: Vec<u32> = (0..REST).collect();
        let named = heard.iter().filter_map(|report| match report {
            FromWorker::Added(values) => Some(values.iter().map(|(task, _)| task.slot).collect::<Vec<_>>()),
            _ => None,
        });
        assert_eq!(named.collect::<Vec<_>>(), if cluster == 5 { vec![rest] } else { vec![] });
        outbox.send(Batch::one(ToWorker::Close { why: "done".to_owned() })).unwrap();
        again.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_worker_that_is_to_stop_says_so_and_stays_until_its_values_are_elsewhere() {
    both(async |mut rig| {
        let mut worker = rig.worker(options()).await;
        worker.put(1, Value::new(5i64)).await;
        worker.stop.send(true).unwrap();
        assert_eq!(worker.news().await, FromWorker::Leaving);
        assert_eq!(worker.number(1).await, 5);
        worker.say(ToWorker::Close { why: "moved".to_owned() });
        worker.ended().await.unwrap();
    })
    .await;
}
