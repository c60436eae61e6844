//! A large dataset of numbers, written chunk by chunk.

use dask_array::Array;
use dask_core::{Collection, RunContext};
use dask_sched::SyncScheduler;

use super::Options;

/// `/big-data` of `myfile.hdf5`: normal numbers, 10,000 rows by 5,000 columns at scale 1, in chunks of 1,000 by 1,000. The same
/// bytes each time, whichever release of HDF5 writes them.
pub(super) fn hdf5(options: &Options) -> dask_core::Result<()> {
    let shape = [options.scaled(10_000) as usize, 5_000];
    let numbers = Array::<f64>::normal(&shape, 1.0, 2.0, &[1000, 1000], options.seed)?;
    let path = options.folder.join("myfile.hdf5");
    let written = dask_io::array::to_hdf5(&numbers, &path.to_string_lossy(), "big-data")?;
    // In order: where a chunk stands in the file depends on when it was written.
    written.compute_with(&SyncScheduler, &RunContext::current())?;
    Ok(())
}
