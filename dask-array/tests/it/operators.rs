//! Operators: of arrays, of references to them, and of numbers on either side.

use std::sync::Arc;

use dask_array::ndarray::{ArrayD, arr1};
use dask_array::{Array, Binary, ChunkSpec, Element};
use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{ChunkSource, Region, TaskError};

use super::everywhere;

fn check<A: Element>(found: Array<A>, expected: &[A]) {
    assert_eq!(everywhere(&found).as_slice().unwrap(), expected);
}

#[test]
fn a_number_may_stand_on_the_left() {
    let x = Array::from_ndarray(&arr1(&[1.0, 2.0, -4.0]), 2).unwrap();
    check(1.0 - &x, &[0.0, -1.0, 5.0]);
    check(1.0 / &x, &[1.0, 0.5, -0.25]);
    check(5.0 % &x, &[0.0, 1.0, -3.0]);
    check(2.0 * (1.0 + x.clone()), &[4.0, 6.0, -6.0]);
    check(x.scalar_binary(0.0, Binary::Maximum), &[1.0, 2.0, 0.0]);
    let n = Array::<i32>::arange(1, 4, 1, 2).unwrap();
    // 7 // np.arange(1, 4), 7 % np.arange(1, 4)
    check(7 / &n, &[7, 3, 2]);
    check(7 % &n, &[0, 1, 1]);
    check(10u8 - Array::<u8>::arange(9, 12, 1, 2).unwrap(), &[1, 0, 255]);
    check(true - Array::from_ndarray(&arr1(&[true, false]), 1).unwrap(), &[false, true]);
    check(1.5f32 - Array::<f32>::ones(&[2], 1).unwrap(), &[0.5, 0.5]);
    check(1i64 - Array::<i64>::ones(&[1], 1).unwrap() + (2u64 * Array::<u64>::ones(&[1], 1).unwrap()).astype(), &[2]);
}

#[test]
fn owned_arrays_and_references_do_the_same() {
    let (x, y) = (Array::<i64>::arange(0, 4, 1, 3).unwrap(), Array::full(&[4], 3, 2).unwrap());
    let expected: Vec<i64> = vec![-3, -2, -1, 0];
    check(&x - &y, &expected);
    check(&x - y.clone(), &expected);
    check(x.clone() - &y, &expected);
    check(x.clone() - y.clone(), &expected);
    check(x.clone() - 3, &expected);
    check(-(y.clone() - x.clone()), &expected);
    // One computation, however it is written.
    assert_eq!((x.clone() - &y).layer().name(), (&x - y.clone()).layer().name());
    let mut z = x.clone();
    z += &y;
    z *= 2;
    z -= &x;
    z /= 2;
    z %= 4;
    check(z, &[3, 3, 0, 0]);
}

#[test]
#[should_panic(expected = "add: shapes [2] and [3] do not broadcast")]
fn shapes_that_do_not_broadcast_panic() {
    let _ = Array::<f64>::ones(&[2], 1).unwrap() + Array::<f64>::ones(&[3], 1).unwrap();
}

#[test]
fn constructors_take_chunks_alike() {
    let shape: &[usize] = &[4, 6];
    let grids = |chunks: ChunkSpec| {
        let arrays = [Array::<f64>::zeros(shape, chunks.clone()), Array::ones(shape, chunks.clone())];
        let grids = arrays.map(|array| array.unwrap().grid());
        assert_eq!(grids[0], grids[1]);
        assert_eq!(grids[0], Array::<f64>::full(shape, 2.0, chunks.clone()).unwrap().grid());
        assert_eq!(grids[0], Array::<f64>::uniform(shape, 0.0, 1.0, chunks, 1).unwrap().grid());
        grids[0].clone()
    };
    assert_eq!(grids(3.into()), [2, 2]);
    assert_eq!(grids((&[4, 2]).into()), [1, 3]);
    assert_eq!(grids(vec![4, 2].into()), [1, 3]);
    assert_eq!(grids(vec![vec![1, 3], vec![6]].into()), [2, 1]);
    assert_eq!(grids(ChunkSpec::Auto), [1, 1]);
    assert_eq!(everywhere(&Array::<i64>::ones(&[3], ChunkSpec::Auto).unwrap()), ArrayD::from_elem(vec![3], 1));
    // 128 MiB of 64-bit floats are 2^24 of them.
    let large = Array::<f64>::zeros(&[100_000, 10_000], ChunkSpec::Auto).unwrap();
    assert_eq!((large.chunks().axes()[0][0], large.chunks().axes()[1][0]), (4096, 4096));
}

/// In chunks of these lengths; is never read.
struct Stored([usize; 3]);

impl Portable for Stored {
    fn wire_name(&self) -> &'static str {
        "test.stored"
    }
    fn encode(&self, _out: &mut Encoder) -> Result<(), WireError> {
        Err(WireError::Truncated)
    }
}

impl ChunkSource<f64> for Stored {
    fn shape(&self) -> &[usize] {
        &[100_000, 10_000, 2]
    }
    fn read(&self, _region: &Region, _out: &mut [f64]) -> Result<(), TaskError> {
        Err("there is nothing to read".into())
    }
    fn stored_chunks(&self) -> Option<&[usize]> {
        Some(&self.0)
    }
    fn identity(&self) -> String {
        "stored".into()
    }
}

#[test]
fn automatic_chunks_are_whole_stored_chunks() {
    let lengths = |stored| {
        let x = Array::from_source(Arc::new(Stored(stored)), ChunkSpec::Auto).unwrap();
        x.chunks().axes().iter().map(|lengths| lengths[0]).collect::<Vec<_>>()
    };
    assert_eq!(lengths([300, 9000, 1]), [900, 9000, 2]);
    // Two of these would be more than 128 MiB.
    assert_eq!(lengths([1000, 10_000, 1]), [1000, 10_000, 1]);
    // And so is one of these.
    assert_eq!(lengths([20_000, 10_000, 1]), [20_000, 10_000, 1]);
    let stored = Arc::new(Stored([300, 9000, 1]));
    assert_eq!(Array::from_source(stored, &[500, 500, 2]).unwrap().grid(), [200, 20, 1]);
}
