//! Equal computations have equal keys, here and in other processes.

use std::sync::Arc;

use dask_core::testing::check_keys_of_another_process;
use dask_core::{Collection, Key};
use dask_frame::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use dask_frame::{DataFrame, col, lit};

fn keys(last: i64, column: &str) -> Vec<Key> {
    let batch = |names: &[&str], amounts: Vec<i64>| {
        let (names, amounts): (ArrayRef, ArrayRef) =
            (Arc::new(StringArray::from(names.to_vec())), Arc::new(Int64Array::from(amounts)));
        RecordBatch::try_from_iter([("name", names), (column, amounts)]).unwrap()
    };
    let frame = DataFrame::from_batches(vec![batch(&["a", "b"], vec![1, 2]), batch(&["a"], vec![last])]).unwrap();
    let some = frame.filter(col(column).gt(lit(1))).unwrap();
    [frame.keys(), some.keys(), some.group_by(&["name"]).agg(&[col(column).sum()]).unwrap().keys()].concat()
}

#[test]
fn equal_frames_have_equal_keys_in_every_process() {
    let known = keys(3, "amount");
    assert_eq!(keys(3, "amount"), known);
    for other in [keys(4, "amount"), keys(3, "total")] {
        assert!(known.iter().all(|key| !other.contains(key)));
    }
    let text: Vec<String> = known.iter().map(ToString::to_string).collect();
    check_keys_of_another_process("keys::equal_frames_have_equal_keys_in_every_process", &text);
}
