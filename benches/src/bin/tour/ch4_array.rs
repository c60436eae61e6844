//! 4: an array from an HDF5 file, in chunks, of which few are in memory at a time.

use std::path::Path;

use dask_array::Computed;
use dask_core::{Collection, compute};
use dask_io::array::from_hdf5;

use crate::step::{Outcome, chapter, check, check_close, check_peak, run};

/// Rows and columns of a chunk.
const CHUNK: usize = 1000;

pub(crate) fn chapter_4(folder: &Path) -> Outcome {
    chapter("4. Arrays");
    let path = folder.join("myfile.hdf5");
    let path = path.to_string_lossy();
    let expected = directly(&path)?;
    let x = run("x = from_hdf5(myfile.hdf5, /big-data, chunks (1000, 1000))", || {
        Ok(from_hdf5::<f64>(&path, "/big-data", &[CHUNK, CHUNK])?)
    })?;
    let centred = &x - &x.mean(Some(&[1]), true)?;
    let both = (centred.std(None, 0.0, false)?, x.sum(None, false)?);
    let (std, sum) = run("y = x - x.mean(axis=1); y.std() and x.sum(), in one graph", || {
        let (std, sum) = compute(both)?;
        Ok((std.into_scalar()?, sum.into_scalar()?))
    })?;
    check_close("x.sum()", sum, expected.sum)?;
    check_close("(x - x.mean(axis=1)).std()", std, expected.std)?;

    let corner = x.slice(&[(0..2).into(), (0..3).into()])?;
    let found = run("x[:2, :3]", || Ok(corner.compute()?.iter().copied().collect::<Vec<f64>>()))?;
    check("x[:2, :3]", &found, &expected.corner)?;
    let last = x.slice(&[(-1isize).into()])?;
    let found = run("x[-1].max()", || Ok(last.max(None, false)?.compute()?.into_scalar()?))?;
    check("x[-1].max()", &found, &expected.last_max)?;
    let nbytes = x.shape().iter().product::<usize>() * size_of::<f64>();
    check_peak(nbytes as u64, (CHUNK * CHUNK * size_of::<f64>()) as u64)
}

/// What the same questions give when HDF5's own reader is asked, a few rows at a time.
struct Directly {
    sum: f64,
    /// The standard deviation after each row's mean was taken off.
    std: f64,
    /// The first three of the first two rows.
    corner: Vec<f64>,
    last_max: f64,
}

fn directly(path: &str) -> Outcome<Directly> {
    let dataset = hdf5::File::open(path)?.dataset("/big-data")?;
    let [rows, columns] = dataset.shape()[..] else { return Err("/big-data has not two axes".into()) };
    let mut found = Directly { sum: 0.0, std: 0.0, corner: Vec::new(), last_max: f64::NAN };
    let mut squares = 0.0;
    for start in (0..rows).step_by(100) {
        let block = dataset.read_slice_2d::<f64, _>((start..rows.min(start + 100), ..))?;
        for (row, numbers) in (start..).zip(block.rows()) {
            let sum = numbers.iter().sum::<f64>();
            let mean = sum / columns as f64;
            found.sum += sum;
            squares += numbers.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
            if row < 2 {
                found.corner.extend(numbers.iter().take(3));
            }
            found.last_max = numbers.iter().copied().fold(f64::MIN, f64::max);
        }
    }
    found.std = (squares / (rows * columns) as f64).sqrt();
    Ok(found)
}
