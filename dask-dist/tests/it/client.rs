//! The client alone, against a scheduler that is driven by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use dask_core::{Error, delayed};
use dask_dist::{Client, Future, Status, as_completed};

use crate::fake::Fake;

fn inc(x: i64) -> i64 {
    x + 1
}
fn add(x: i64, y: i64) -> i64 {
    x + y
}
#[expect(clippy::needless_pass_by_value, reason = "a task is given its parameters")]
fn total(of: Vec<i64>) -> i64 {
    of.iter().sum()
}

fn connected() -> (Fake, Client) {
    let fake = Fake::start();
    let client = Client::connect(&fake.address).unwrap();
    (fake, client)
}

#[test]
fn futures_are_arguments_alone_in_lists_and_in_maps() {
    let (_fake, client) = connected();
    let a = client.submit(inc, (1,)).unwrap();
    let b = client.submit(add, (&a, 10)).unwrap();
    assert_eq!(b.result().unwrap(), 12);
    let many = client.map(inc, 0..5).unwrap();
    assert_eq!(client.submit(total, (many.clone(),)).unwrap().result().unwrap(), 15);
    assert_eq!(client.submit(total, (many.iter().collect::<Vec<_>>(),)).unwrap().result().unwrap(), 15);
    let nested = vec![many.clone(), vec![a.clone()]];
    let nested = client.submit(|x: Vec<Vec<i64>>| x.into_iter().map(total).sum::<i64>(), (nested,)).unwrap();
    assert_eq!(nested.result().unwrap(), 17);
    let by_name: BTreeMap<String, Future<i64>> = many.into_iter().map(|f| (f.key().to_string(), f)).collect();
    let longest = client.submit(|map: BTreeMap<String, i64>| map.len() as u64, (by_name,)).unwrap();
    assert_eq!(longest.result().unwrap(), 5);
    // Twice in one call, and in a delayed call.
    assert_eq!(client.submit(add, (&a, &a)).unwrap().result().unwrap(), 4);
    assert_eq!(client.submit_delayed(&delayed!(add(&a, &b))).unwrap().result().unwrap(), 14);
    assert_eq!(client.compute(&(delayed!(inc(&a)), delayed!(inc(&b)))).unwrap().result().unwrap(), (3, 13));
}

#[test]
fn pure_calls_of_equal_arguments_have_one_key() {
    let (_fake, client) = connected();
    let a = client.submit_pure(inc, (1i64,)).unwrap();
    assert_eq!(a.key(), client.submit_pure(inc, (1i64,)).unwrap().key());
    assert_ne!(a.key(), client.submit_pure(inc, (2i64,)).unwrap().key());
    assert_ne!(a.key(), client.submit(inc, (1i64,)).unwrap().key());
    assert_eq!(client.submit_pure(inc, (&a,)).unwrap().key(), client.submit_pure(inc, (&a,)).unwrap().key());
}

#[test]
fn what_cannot_travel_is_named_before_anything_is_sent() {
    let (fake, client) = connected();
    let by = std::hint::black_box(3i64);
    let error = client.submit(move |x: i64| x * by, (1,)).unwrap_err();
    assert!(matches!(&error, Error::CannotTravel { .. }), "{error}");
    assert!(error.to_string().contains("captured variables (8 bytes)"), "{error}");
    #[derive(Clone)]
    struct Opaque;
    impl dask_core::Data for Opaque {}
    let error = client.submit(|_: Opaque| 1i64, (Opaque,)).unwrap_err().to_string();
    assert!(error.contains("Opaque cannot leave this process"), "{error}");
    assert_eq!(fake.known.lock().unwrap().n_messages, 0);
}

#[test]
fn a_future_of_another_client_is_refused_before_anything_is_sent() {
    let (_fake, client) = connected();
    let (other_fake, other) = connected();
    let theirs = client.submit(inc, (1,)).unwrap();
    let error = other.submit(inc, (&theirs,)).unwrap_err().to_string();
    assert!(error.contains("is a future of another client"), "{error}");
    let error = other.gather([&theirs]).wait().unwrap_err().to_string();
    assert!(error.contains("is a future of another client"), "{error}");
    assert_eq!(other_fake.known.lock().unwrap().n_messages, 0);
    assert_eq!(theirs.result().unwrap(), 2);
}

#[test]
fn failures_name_the_task_and_what_it_said() {
    let (_fake, client) = connected();
    let wrong = client.try_submit(|text: String| text.parse::<i64>(), ("x1".to_owned(),)).unwrap();
    let error = wrong.result().unwrap_err();
    assert!(error.to_string().contains("invalid digit found in string"), "{error}");
    assert_eq!(wrong.status(), Status::Error);
    assert!(wrong.exception().wait().unwrap().is_some());
    let boom = client.submit_named("boom", |x: i64| 10 / x, (0,)).unwrap();
    let error = boom.result().unwrap_err().to_string();
    assert!(error.starts_with("task boom-") && error.contains("attempt to divide by zero"), "{error}");
}

#[test]
fn a_cancelled_future_says_so() {
    let (fake, client) = connected();
    fake.known.lock().unwrap().silent = true;
    let future = client.submit(inc, (1,)).unwrap();
    assert_eq!(future.status(), Status::Pending);
    let waiting = future.answer();
    future.cancel().unwrap();
    assert_eq!(future.status(), Status::Cancelled);
    for error in [waiting.wait(), future.result(), client.submit(inc, (&future,)).and_then(|f| f.result())] {
        let error = error.unwrap_err().to_string();
        assert!(error.contains("was cancelled"), "{error}");
    }
}

#[test]
fn an_answer_within_a_time_that_does_not_come_is_an_error() {
    let (fake, client) = connected();
    fake.known.lock().unwrap().silent = true;
    let future = client.submit(inc, (1,)).unwrap();
    let error = future.answer().within(Duration::from_millis(20)).wait().unwrap_err().to_string();
    assert!(error.contains("no answer within 20ms"), "{error}");
    assert_eq!(future.status(), Status::Pending);
}

#[test]
fn a_holder_without_the_value_is_reported_and_another_one_asked() {
    let (fake, client) = connected();
    fake.known.lock().unwrap().forget = 3;
    let many = client.map(inc, 0..10).unwrap();
    assert_eq!(client.gather(&many).wait().unwrap(), (1..11).collect::<Vec<i64>>());
    fake.known.lock().unwrap().forget = usize::MAX;
    let error = many[0].result().unwrap_err().to_string();
    assert!(error.contains("could not be fetched from any worker in 20 attempts"), "{error}");
}

#[test]
fn the_last_clone_releases_and_not_before() {
    let (fake, client) = connected();
    let future = client.submit(inc, (1,)).unwrap();
    let clone = future.clone();
    drop(future);
    assert_eq!(clone.result().unwrap(), 2);
    assert!(fake.known.lock().unwrap().released.is_empty());
    drop(clone);
    // The next message takes the release along, unless it has gone already.
    let next = client.submit(inc, (2,)).unwrap();
    assert_eq!(next.result().unwrap(), 3);
    while fake.known.lock().unwrap().released.is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(fake.known.lock().unwrap().released.len(), 1);
    // An argument is held until the call that uses it is sent, and by lazy values made of it.
    let lazy = next.to_delayed().map(|x: i64| x * 2);
    drop(next);
    assert_eq!(client.submit_delayed(&lazy).unwrap().result().unwrap(), 6);
}

#[test]
fn a_scheduler_that_goes_is_told_to_all_who_wait() {
    let (fake, client) = connected();
    let done = client.submit(inc, (1,)).unwrap();
    assert_eq!(done.result().unwrap(), 2);
    fake.known.lock().unwrap().silent = true;
    let pending = client.map(inc, 0..3).unwrap();
    let (answer, workers) = (client.wait(&pending), client.workers());
    fake.stop();
    answer.wait().unwrap();
    for error in [pending[2].result().map(drop), workers.wait().map(drop), client.submit(inc, (1,)).map(drop)] {
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("the scheduler at inproc://fake-") && error.contains("is gone"), "{error}");
    }
}

#[test]
fn a_scheduler_that_closes_says_why() {
    let (_fake, client) = connected();
    let error = client.rebalance().wait().unwrap_err().to_string();
    assert!(error.contains("it closes: as it was told"), "{error}");
}

#[test]
fn scattered_values_are_arguments_and_come_back() {
    let (_fake, client) = connected();
    let table = client.scatter(vec![1i64, 2, 3]).unwrap();
    assert_eq!(table.result().unwrap(), [1, 2, 3]);
    assert_eq!(client.submit(total, (&table,)).unwrap().result().unwrap(), 6);
    let who = client.unpublish("nothing").wait().unwrap_err().to_string();
    assert!(who.contains("refused: no dataset is called \"nothing\""), "{who}");
}

#[test]
fn as_completed_gives_each_once_also_those_added_later() {
    let (_fake, client) = connected();
    let mut all = as_completed(client.map(inc, 0..20).unwrap());
    let mut seen = Vec::new();
    while let Some(future) = all.next() {
        let x = future.result().unwrap();
        if x == 5 {
            all.add(client.submit(inc, (100,)).unwrap());
        }
        seen.push(x);
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..21).chain([101]).collect::<Vec<i64>>());
    assert_eq!(all.n_left(), 0);
}

#[test]
fn everything_can_be_awaited() {
    let (_fake, client) = connected();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let sum = runtime.block_on(async {
        let (a, b) = (client.submit(inc, (1,)).unwrap(), client.submit(inc, (2,)).unwrap());
        let mut sum = (&a).await.unwrap() + b.clone().await.unwrap();
        let mut all = as_completed([a, b]);
        while let Some(future) = all.next_async().await {
            sum += future.await.unwrap();
        }
        sum + client.compute(&delayed!(inc(9))).unwrap().await.unwrap()
    });
    assert_eq!(sum, 20);
}

#[test]
fn a_closed_client_says_so() {
    let (fake, client) = connected();
    fake.known.lock().unwrap().silent = true;
    let pending = client.submit(inc, (1,)).unwrap();
    client.clone().close();
    for error in [pending.result(), client.submit(inc, (1,)).and_then(|f| f.result())] {
        let error = error.unwrap_err().to_string();
        assert!(error.contains("the client was closed"), "{error}");
    }
}

#[test]
fn long_maps_are_sent_in_parts() {
    let (fake, client) = connected();
    fake.known.lock().unwrap().silent = true;
    let futures = client.map(inc, 0..70_000).unwrap();
    assert_eq!(futures.len(), 70_000);
    // The answer comes after the submissions were heard.
    client.retire([]).wait().unwrap();
    let known = fake.known.lock().unwrap();
    assert_eq!(known.n_submissions, 2);
    assert!(known.submitted_nbytes < 70_000 * 200, "{}", known.submitted_nbytes);
}
