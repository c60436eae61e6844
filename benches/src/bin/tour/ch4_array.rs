//! 4: an array from an HDF5 file, in chunks.

use std::path::Path;

use dask_array::Computed;
use dask_core::{ChunkSource, Collection, Region, compute};
use dask_io::array::from_hdf5;
use dask_io::hdf5::DatasetSource;

use crate::step::{Outcome, chapter, check_close, run};

pub(crate) fn chapter_4(folder: &Path) -> Outcome {
    chapter("4. Arrays");
    let path = folder.join("myfile.hdf5");
    let path = path.to_string_lossy();
    let x = run("x = from_hdf5(myfile.hdf5, /big-data, chunks (1000, 1000))", || {
        Ok(from_hdf5::<f64>(&path, "/big-data", &[1000, 1000])?)
    })?;
    let centred = &x - &x.mean(Some(&[1]), true)?;
    let both = (centred.std(None, 0.0, false)?, x.sum(None, false)?);
    let (std, sum) = run("y = x - x.mean(axis=1); y.std() and x.sum(), in one graph", || Ok(compute(both)?))?;
    let (expected_std, expected_sum) = directly(&path)?;
    check_close("x.sum()", sum.into_scalar()?, expected_sum)?;
    check_close("(x - x.mean(axis=1)).std()", std.into_scalar()?, expected_std)?;
    let (n, corner) = (x.shape()[0] as isize, x.slice(&[(0..2).into(), (0..3).into()])?);
    run("x[:2, :3]", || Ok(corner.compute()?.iter().map(|v| (v * 1e3).round() / 1e3).collect::<Vec<_>>()))?;
    let last = x.slice(&[(n - 1).into()])?;
    let found = run("x[-1].max()", || Ok(last.max(None, false)?.compute()?.into_scalar()?))?;
    check_close("x[-1].max()", found, x.slice(&[(-1isize).into()])?.compute()?.iter().copied().fold(f64::MIN, f64::max))
}

/// Row by row: the standard deviation of the centred rows, and the sum.
fn directly(path: &str) -> Outcome<(f64, f64)> {
    let source = DatasetSource::<f64>::open(path, "/big-data")?;
    let (rows, columns) = (source.shape()[0], source.shape()[1]);
    let (mut squares, mut sum) = (0.0, 0.0);
    let mut block = vec![0.0; 100 * columns];
    for start in (0..rows).step_by(100) {
        let n = 100.min(rows - start);
        source.read(&Region { start: vec![start, 0], shape: vec![n, columns] }, &mut block[..n * columns])?;
        for row in block[..n * columns].chunks(columns) {
            let mean = row.iter().sum::<f64>() / columns as f64;
            sum += row.iter().sum::<f64>();
            squares += row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
        }
    }
    Ok(((squares / (rows * columns) as f64).sqrt(), sum))
}
