//! Work of functions with names, which more than one program here gives to a cluster.

use dask_bag::{Bag, Item};
use dask_core::task;

/// The number after `x`.
pub fn next(x: i64) -> i64 {
    x + 1
}

/// The sum of the first `n` odd numbers, which is `n²`, by a `fn` and a closure with a name.
pub fn sum_of_odd(n: i64) -> Item<i64> {
    Bag::range(n, 4).map(task!("double", |x: i64| 2 * x)).map(next).sum()
}
