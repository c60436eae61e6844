//! Collections under a name: others go on from their blocks.

use std::sync::atomic::{AtomicU32, Ordering};

use dask_array::{Array, Computed};
use dask_bag::Bag;
use dask_core::{Delayed, Describe, delayed};
use dask_dist::{Client, LocalCluster};
use dask_frame::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use dask_frame::{DataFrame, col, lit};

fn cluster(processes: bool) -> (LocalCluster, Client, Client) {
    let cluster = LocalCluster::builder().workers(2).processes(processes).start().unwrap();
    let (client, other) = (cluster.client().unwrap(), cluster.client().unwrap());
    (cluster, client, other)
}

/// Published by one who goes, and asked for by another.
fn passed_on<C: Describe + Send + 'static>(client: Client, other: &Client, collection: C) -> C {
    client.publish_collection("it", &collection).wait().unwrap();
    drop((client, collection));
    let again = other.published::<C>("it").wait().unwrap();
    other.unpublish("it").wait().unwrap();
    again
}

#[test]
fn an_array_is_cut_as_it_was() {
    for processes in [false, true] {
        let (_cluster, client, other) = cluster(processes);
        let x = Array::<i64>::ones(&[7, 5], &[3, 2]).unwrap();
        let chunks = x.chunks().clone();
        let again = passed_on(client, &other, x);
        assert_eq!(again.chunks(), &chunks);
        let sum = other.compute(&(&again + 1).sum(None, false).unwrap()).unwrap().result().unwrap();
        assert_eq!(sum.into_scalar().unwrap(), 70);
    }
}

#[test]
fn what_was_made_is_not_made_again() {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let (_cluster, client, other) = cluster(false);
    let bag = Bag::from_sequence(0..10_i64, 4).map(|x| {
        MADE.fetch_add(1, Ordering::Relaxed);
        x * x
    });
    let again = passed_on(client, &other, bag);
    let even = again.filter(|x| x % 2 == 0);
    assert_eq!(other.compute(&even).unwrap().result().unwrap(), [0, 4, 16, 36, 64]);
    assert_eq!(other.compute(&again).unwrap().result().unwrap().len(), 10);
    assert_eq!(MADE.load(Ordering::Relaxed), 10);
}

#[test]
fn a_frame_has_its_columns() {
    for processes in [false, true] {
        let (_cluster, client, other) = cluster(processes);
        let columns: [(&str, ArrayRef); 2] = [
            ("n", std::sync::Arc::new(Int64Array::from_iter(0..6))),
            ("name", std::sync::Arc::new(StringArray::from_iter_values(["a", "b", "a", "b", "a", "c"]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let frame = DataFrame::from_batches(vec![batch.slice(0, 4), batch.slice(4, 2)]).unwrap();
        let schema = frame.schema().clone();
        let again = passed_on(client, &other, frame.filter(col("n").gt(lit(0_i64))).unwrap());
        assert_eq!(again.schema(), &schema);
        let named_a = again.filter(col("name").eq(lit("a"))).unwrap();
        assert_eq!(other.compute(&named_a).unwrap().result().unwrap().num_rows(), 2);
    }
}

#[test]
fn a_delayed_value_is_there_also_if_it_is_made_later() {
    let (_cluster, client, other) = cluster(false);
    fn slow(x: i64) -> i64 {
        std::thread::sleep(std::time::Duration::from_millis(100));
        x + 1
    }
    let again = passed_on(client, &other, delayed!(slow(1)));
    assert_eq!(other.compute(&again).unwrap().result().unwrap(), 2);
}

#[test]
fn another_type_a_taken_name_and_a_dataset_of_futures_are_refused() {
    let (_cluster, client, other) = cluster(false);
    let x = Array::<i64>::ones(&[4], 2).unwrap();
    client.publish_collection("x", &x).wait().unwrap();
    let error = client.publish_collection("x", &x).wait().unwrap_err().to_string();
    assert!(error.contains("a dataset is called \"x\" already"), "{error}");
    let error = other.published::<Array<f64>>("x").wait().unwrap_err().to_string();
    assert!(error.contains("dataset \"x\"") && error.contains("Array<f64>") && error.contains("Array<i64>"), "{error}");
    let error = other.dataset::<i64>("x").wait().unwrap_err().to_string();
    assert!(error.contains("Array<i64>"), "{error}");
    client.publish("squares", &client.map(|x: i64| x * x, 0..3).unwrap()).wait().unwrap();
    let error = other.published::<Delayed<i64>>("squares").wait().unwrap_err().to_string();
    assert!(error.contains("expected a value of type dask_core::delayed::Delayed<i64>, found i64"), "{error}");
    let error = other.published::<Delayed<i64>>("nothing").wait().unwrap_err().to_string();
    assert!(error.contains("no dataset is called \"nothing\"; there is: squares, x"), "{error}");
}
