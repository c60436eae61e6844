//! 6: why storage matters: the same question to CSV, HDF5 and Parquet.

use std::path::Path;

use dask_core::{Collection, Delayed};
use dask_frame::{DataFrame, col};
use dask_io::csv::CsvOptions;
use dask_io::frame::{read_csv, read_parquet, to_parquet};
#[cfg(feature = "hdf5")]
use dask_io::frame::{read_hdf, to_hdf};
use dask_io::parquet::Compression;

use crate::plain::{Totals, accounts_csv, first_accounts, totals_above};
use crate::step::{Outcome, chapter, check, run, timed};
use crate::table::{Rows, check_accounts, check_totals};

pub(crate) fn chapter_6(folder: &Path, out: &Path) -> Outcome {
    chapter("6. Storage");
    let totals = totals_above(folder, i64::MIN)?;
    let n_rows = totals.values().map(|total| total.1 as u64).sum();
    let pattern = folder.join("accounts.*.csv");
    let accounts = read_csv(&pattern.to_string_lossy(), CsvOptions::default())?;
    let first = run("accounts = read_csv(accounts.*.csv); accounts.head()", || Ok(Rows(accounts.head(5).compute()?)))?;
    check_accounts("the first five accounts", &first, &first_accounts(folder, 5)?)?;

    let mut table = vec![Line { format: "CSV", nbytes: csv_nbytes(folder)?, write: None, ask: 0.0 }];
    table[0].ask = ask("read_csv(…)", &accounts, &totals)?;
    #[cfg(feature = "hdf5")]
    {
        let path = out.join("accounts.h5");
        let shown = path.to_string_lossy();
        let write = store("accounts.to_hdf(accounts.h5, /accounts)", to_hdf(&accounts, &shown, "/accounts")?, n_rows)?;
        let ask = ask("read_hdf(accounts.h5, /accounts)", &read_hdf(&shown, "/accounts", 1 << 18)?, &totals)?;
        table.push(Line { format: "HDF5", nbytes: nbytes(&path)?, write: Some(write), ask });
    }
    let path = out.join("accounts.parquet");
    let shown = path.to_string_lossy();
    let write = to_parquet(&accounts, &shown, Compression::default());
    let write = store("accounts.to_parquet(accounts.parquet)", write, n_rows)?;
    let ask = ask("read_parquet(accounts.parquet)", &read_parquet(&shown)?, &totals)?;
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
fn store(what: &str, written: Delayed<u64>, n_rows: u64) -> Outcome<f64> {
    let (n, seconds) = timed(what, || Ok(written.compute()?))?;
    check("rows written", &n, &n_rows)?;
    Ok(seconds)
}

/// Groups by name and compares; gives the seconds.
fn ask(of: &str, frame: &DataFrame, expected: &Totals) -> Outcome<f64> {
    let totals = frame.group_by(&["names"]).agg(&[col("amount").sum(), col("amount").count().alias("n")])?;
    let what = format!("{of}.group_by(names).agg(amount.sum(), amount.count())");
    let (found, seconds) = timed(&what, || Ok(Rows(totals.compute()?)))?;
    check_totals(&found, expected)?;
    Ok(seconds)
}

fn csv_nbytes(folder: &Path) -> Outcome<u64> {
    accounts_csv(folder).map(|file| nbytes(&file)).sum()
}

/// The bytes of a file, or of the files of a folder.
fn nbytes(path: &Path) -> Outcome<u64> {
    if !path.is_dir() {
        return Ok(path.metadata()?.len());
    }
    std::fs::read_dir(path)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
