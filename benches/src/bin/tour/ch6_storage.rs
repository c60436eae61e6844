//! 6: why storage matters: the same question to CSV, HDF5 and Parquet.

use std::collections::BTreeMap;
use std::path::Path;

use dask_core::{Collection, Delayed};
use dask_frame::array::cast::AsArray;
use dask_frame::array::types::Int64Type;
use dask_frame::{DataFrame, col};
use dask_io::csv::CsvOptions;
use dask_io::frame::{read_csv, read_parquet, to_parquet};
#[cfg(feature = "hdf5")]
use dask_io::frame::{read_hdf, to_hdf};
use dask_io::parquet::Compression;

use crate::ch5_frame::{Rows, for_each_row};
use crate::step::{Outcome, chapter, check, run, timed};

/// Sum and number of amounts by name.
type Totals = BTreeMap<String, (i64, i64)>;

pub(crate) fn chapter_6(folder: &Path, out: &Path) -> Outcome {
    chapter("6. Storage");
    let mut expected = (0, Totals::new());
    for file in 0..3 {
        for_each_row(&folder.join(format!("accounts.{file}.csv")), |fields| {
            let group = expected.1.entry(fields[1].to_owned()).or_default();
            *group = (group.0 + fields[2].parse().unwrap_or(i64::MIN), group.1 + 1);
            expected.0 += 1;
        })?;
    }
    let pattern = folder.join("accounts.*.csv");
    let accounts = read_csv(&pattern.to_string_lossy(), CsvOptions::default())?;
    let first = run("accounts = read_csv(accounts.*.csv); accounts.head()", || Ok(Rows(accounts.head(5).compute()?)))?;
    check("rows of the head", &first.0.num_rows(), &expected.0.min(5))?;

    let mut table = vec![Line { format: "CSV", nbytes: csv_nbytes(folder)?, write: None, ask: 0.0 }];
    table[0].ask = ask("read_csv(…)", &accounts, &expected.1)?;
    #[cfg(feature = "hdf5")]
    {
        let path = out.join("accounts.h5");
        let shown = path.to_string_lossy();
        let write =
            store("accounts.to_hdf(accounts.h5, /accounts)", to_hdf(&accounts, &shown, "/accounts")?, expected.0)?;
        let ask = ask("read_hdf(accounts.h5, /accounts)", &read_hdf(&shown, "/accounts", 1 << 18)?, &expected.1)?;
        table.push(Line { format: "HDF5", nbytes: nbytes(&path)?, write: Some(write), ask });
    }
    let path = out.join("accounts.parquet");
    let shown = path.to_string_lossy();
    let write = to_parquet(&accounts, &shown, Compression::default());
    let write = store("accounts.to_parquet(accounts.parquet)", write, expected.0)?;
    let ask = ask("read_parquet(accounts.parquet)", &read_parquet(&shown)?, &expected.1)?;
    table.push(Line { format: "Parquet", nbytes: nbytes(&path)?, write: Some(write), ask });

    println!("\n  {:<8} {:>9} {:>10} {:>10}", "format", "MB", "write [s]", "ask [s]");
    for line in table {
        let write = line.write.map_or("-".to_owned(), |seconds| format!("{seconds:.3}"));
        println!("  {:<8} {:>9.1} {write:>10} {:>10.3}", line.format, line.nbytes as f64 / 1e6, line.ask);
    }
    Ok(())
}

/// What a format cost.
struct Line {
    format: &'static str,
    nbytes: u64,
    /// Seconds to write all of it, reading CSV included.
    write: Option<f64>,
    /// Seconds to group by name.
    ask: f64,
}

/// Writes all rows; gives the seconds.
fn store(what: &str, written: Delayed<u64>, n_rows: usize) -> Outcome<f64> {
    let (n, seconds) = timed(what, || Ok(written.compute()?))?;
    check("rows written", &n, &(n_rows as u64))?;
    Ok(seconds)
}

/// Groups by name and compares; gives the seconds.
fn ask(of: &str, frame: &DataFrame, expected: &Totals) -> Outcome<f64> {
    let totals = frame.group_by(&["names"]).agg(&[col("amount").sum(), col("amount").count().alias("n")])?;
    let what = format!("{of}.group_by(names).agg(amount.sum(), amount.count())");
    let (Rows(found), seconds) = timed(&what, || Ok(Rows(totals.compute()?)))?;
    let names = found.column(0).as_string::<i32>();
    let [sums, counts] = [1, 2].map(|i| found.column(i).as_primitive::<Int64Type>());
    let found: Vec<_> =
        (0..found.num_rows()).map(|row| (names.value(row).to_owned(), (sums.value(row), counts.value(row)))).collect();
    check("sums and counts by name", &found, &expected.clone().into_iter().collect())?;
    Ok(seconds)
}

fn csv_nbytes(folder: &Path) -> Outcome<u64> {
    (0..3).map(|file| nbytes(&folder.join(format!("accounts.{file}.csv")))).sum()
}

/// The bytes of a file, or of the files of a folder.
fn nbytes(path: &Path) -> Outcome<u64> {
    if !path.is_dir() {
        return Ok(path.metadata()?.len());
    }
    std::fs::read_dir(path)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
