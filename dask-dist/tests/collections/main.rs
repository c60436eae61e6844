//! The collections' own behaviour tests, on processes and on a cluster: nothing in them knows where they run.

#[path = "../../../dask-array/tests/it/behaviour.rs"]
mod array;
#[path = "../../../dask-bag/tests/it/behaviour.rs"]
mod bag;
#[path = "../../../dask-frame/tests/it/behaviour.rs"]
mod frame;
mod schedulers;
