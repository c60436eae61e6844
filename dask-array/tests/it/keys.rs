//! Equal computations have equal keys, here and in other processes.

use dask_array::Array;
use dask_array::ndarray::Array2;
use dask_core::testing::check_keys_of_another_process;
use dask_core::{Collection, Key};

fn keys(last: f64, chunk: usize) -> Vec<Key> {
    let mut numbers = Array2::from_shape_fn((6, 4), |(i, j)| (i * j) as f64);
    numbers[(5, 3)] = last;
    let x = Array::from_ndarray(&numbers, &[chunk, 2]).unwrap();
    let centred = &x - &x.mean(Some(&[1]), true).unwrap();
    [x.keys(), centred.keys(), centred.std(None, 0.0, false).unwrap().keys()].concat()
}

#[test]
fn equal_arrays_have_equal_keys_in_every_process() {
    let known = keys(1.0, 3);
    assert_eq!(keys(1.0, 3), known);
    for other in [keys(2.0, 3), keys(1.0, 2)] {
        assert!(known.iter().all(|key| !other.contains(key)));
    }
    let text: Vec<String> = known.iter().map(ToString::to_string).collect();
    check_keys_of_another_process("keys::equal_arrays_have_equal_keys_in_every_process", &text);
}
