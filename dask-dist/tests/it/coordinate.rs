//! Locks, semaphores, events, variables, queues and topics on clusters that run, from outside and inside tasks.

use std::time::Duration;

use dask_dist::{Client, LocalCluster};

fn everywhere(check: impl Fn(&LocalCluster, &Client)) {
    for processes in [false, true] {
        let cluster = LocalCluster::builder().workers(2).processes(processes).start().unwrap();
        let client = cluster.client().unwrap();
        check(&cluster, &client);
        client.close();
    }
}

/// Reads, adds and writes: without a lock, additions would be lost.
fn add_under_lock(x: i64) -> i64 {
    let client = Client::current().unwrap();
    let total = client.variable("total");
    let add = || {
        let before: i64 = total.get().wait().unwrap();
        total.set(before + x).wait().unwrap();
    };
    client.lock("total").with(add).unwrap();
    x
}

#[test]
fn tasks_exclude_each_other() {
    everywhere(|_, client| {
        client.variable("total").set(0i64).wait().unwrap();
        client.gather(&client.map(add_under_lock, 1..=20).unwrap()).wait().unwrap();
        assert_eq!(client.variable("total").get::<i64>().wait().unwrap(), 210);
    });
}

#[test]
fn a_lease_is_free_when_its_client_goes_and_withdrawn_when_nobody_waits() {
    everywhere(|cluster, client| {
        let semaphore = client.semaphore("two", 2);
        let (_one, two) = (semaphore.acquire().wait().unwrap(), semaphore.acquire().wait().unwrap());
        let late = semaphore.acquire().within(Duration::from_millis(20)).wait();
        assert!(late.unwrap_err().to_string().contains("no answer within"));
        drop(two);
        let other = cluster.client().unwrap();
        let theirs = other.semaphore("two", 2).acquire().wait().unwrap();
        assert!(semaphore.try_acquire().wait().unwrap().is_none());
        let ours = semaphore.acquire();
        other.close();
        assert!(theirs.number() < ours.wait().unwrap().number());
        let error = client.semaphore("two", 3).acquire().wait().unwrap_err().to_string();
        assert!(error.contains("with 2 leases, not 3"), "{error}");
    });
}

#[test]
fn variables_and_queues_keep_futures_alive() {
    everywhere(|cluster, client| {
        let other = cluster.client().unwrap();
        let (variable, queue) = (other.variable("v"), other.queue("q", 1));
        variable.set_future(&other.submit(|x: i64| x + 1, (1,)).unwrap()).wait().unwrap();
        queue.put_future(&other.submit(|x: i64| x * 10, (4,)).unwrap()).wait().unwrap();
        let full = queue.put(7i64);
        let future = client.queue("q", 1).get_future::<i64>().wait().unwrap();
        full.wait().unwrap();
        other.close();
        assert_eq!(future.result().unwrap(), 40);
        assert_eq!(client.variable("v").get_future::<i64>().wait().unwrap().result().unwrap(), 2);
        // Not a future: it stays.
        let queue = client.queue("q", 1);
        assert!(queue.get_future::<i64>().wait().unwrap_err().to_string().contains("a value of type i64"));
        assert_eq!(queue.get::<i64>().wait().unwrap(), 7);
        // Nobody waits for this any more: it takes nothing.
        drop(queue.get::<i64>());
        queue.put(8i64).wait().unwrap();
        assert_eq!((queue.get::<i64>().wait().unwrap(), queue.n_items().wait().unwrap()), (8, 0));
        assert!(variable.get::<i64>().wait().is_err());
    });
}

#[test]
fn tasks_wait_for_events_and_publish() {
    everywhere(|_, client| {
        let heard = client.subscribe("news").wait().unwrap();
        let waiting = client.submit(
            |x: i64| {
                let client = Client::current().unwrap();
                client.event("go").wait_set().wait().unwrap();
                client.publisher("news").send(x).wait().unwrap()
            },
            (5,),
        );
        client.event("go").set().wait().unwrap();
        assert_eq!(heard.next::<i64>().wait().unwrap(), 5);
        assert_eq!(waiting.unwrap().result().unwrap(), 1);
    });
}

#[test]
fn a_cluster_shrinks_without_losing_values_and_grows_again() {
    for processes in [false, true] {
        let mut cluster = LocalCluster::builder().workers(3).processes(processes).restart(processes).start().unwrap();
        let client = cluster.client().unwrap();
        let scattered = client.scatter_each(0..9i64).unwrap();
        let sum = client.submit(|of: Vec<i64>| of.iter().sum::<i64>(), (scattered.clone(),)).unwrap();
        assert_eq!(sum.result().unwrap(), 36);
        cluster.retire_worker("worker-1").unwrap();
        assert!(client.workers().wait().unwrap().iter().all(|worker| worker.name != "worker-1"));
        cluster.scale(1).unwrap();
        assert_eq!(client.workers().wait().unwrap().len(), 1);
        // Scattered values cannot be made again: they were handed over.
        assert_eq!(client.gather(&scattered).wait().unwrap(), (0..9).collect::<Vec<i64>>());
        cluster.scale(2).unwrap();
        assert_eq!(client.workers().wait().unwrap().len(), 2);
        assert!(cluster.scale(0).unwrap_err().to_string().contains("scale to 1 or more"));
        assert!(cluster.retire_worker("nobody").unwrap_err().to_string().contains("no worker is called"));
    }
}
