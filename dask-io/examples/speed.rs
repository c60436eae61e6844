//! Megabytes a second of each format: one table of numbers, one with a text, one with dates, written and read on one
//! thread.
//!
//! `cargo run --release -p dask-io --features csv,parquet,hdf5,frame --example speed [ROWS [FOLDER [WHAT]]]`. Files are read from
//! the page cache: the figures are of parsing, not of the disk. MB are of the file; Mrow/s compares formats. On Linux it is
//! the thread's time on a processor that counts, so that other programs disturb less. Files stay in FOLDER if one is
//! given; WHAT is a part of the names of what is measured, such as `read csv`. `python dask-io/examples/speed.py FOLDER` measures pandas and pyarrow on them in the same way.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use dask_core::{Collection, PartitionSource, RunContext, Want};
use dask_frame::DataFrame;
use dask_frame::array::{
    ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use dask_io::csv::CsvOptions;
use dask_io::frame::{read_csv, read_hdf, read_parquet, to_csv, to_hdf, to_parquet};
use dask_io::parquet::Compression;
use dask_io::text::TextSource;
use dask_sched::SyncScheduler;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let rows = std::env::args().nth(1).map_or(Ok(2_000_000), |rows| rows.parse::<usize>())?;
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args().nth(2).map_or(temporary.path().to_path_buf(), Into::into);
    println!("{rows} rows, medians of 5\n{:<54} {:>8} {:>8} {:>8}", "", "MB", "MB/s", "Mrow/s");
    for (name, what) in [("numbers", "four numbers"), ("text", "id, name, amount"), ("dates", "id, day, at")] {
        formats(&folder.join(name), what, rows, table(rows, name)?)?;
    }
    Ok(())
}

fn formats(folder: &Path, what: &str, rows: usize, table: RecordBatch) -> Outcome {
    let frame = DataFrame::from_batches(vec![table])?;
    let at = |name: &str| folder.join(name).to_string_lossy().into_owned();
    std::fs::create_dir_all(folder)?;

    let csv = at("csv/*.csv");
    measure(&format!("write csv, {what}"), rows, || compute(&to_csv(&frame, &at("csv"))), || size(&at("csv")))?;
    measure(
        &format!("read csv, {what}"),
        rows,
        || Ok(compute(&read_csv(&csv, CsvOptions::default())?)?.num_rows() as u64),
        || size(&at("csv")),
    )?;
    let one = |frame: DataFrame| compute(&frame.select(&["id"])?).map(|found| found.num_rows() as u64);
    measure(
        &format!("read one column of csv, {what}"),
        rows,
        || one(read_csv(&csv, CsvOptions::default())?),
        || size(&at("csv")),
    )?;
    measure(&format!("read lines of csv, {what}"), rows + 1, || lines(&csv), || size(&at("csv")))?;
    let mut gzip =
        flate2::write::GzEncoder::new(std::fs::File::create(at("all.csv.gz"))?, flate2::Compression::default());
    let mut bytes = Vec::new();
    std::fs::File::open(at("csv/part.000000.csv"))?.read_to_end(&mut bytes)?;
    gzip.write_all(&bytes)?;
    gzip.finish()?;
    measure(
        &format!("read lines of gzip (MB of text), {what}"),
        rows + 1,
        || lines(&at("all.csv.gz")),
        || Ok(bytes.len() as u64),
    )?;
    measure(
        &format!("write parquet, {what}"),
        rows,
        || compute(&to_parquet(&frame, &at("parquet"), Compression::Snappy)),
        || size(&at("parquet")),
    )?;
    measure(
        &format!("read parquet, {what}"),
        rows,
        || Ok(compute(&read_parquet(&at("parquet"))?)?.num_rows() as u64),
        || size(&at("parquet")),
    )?;
    measure(
        &format!("read one column of parquet, {what}"),
        rows,
        || one(read_parquet(&at("parquet"))?),
        || size(&at("parquet")),
    )?;
    std::fs::create_dir_all(at("hdf"))?;
    let hdf = at("hdf/table.h5");
    measure(&format!("write hdf, {what}"), rows, || compute(&to_hdf(&frame, &hdf, "data")?), || size(&at("hdf")))?;
    measure(
        &format!("read hdf, {what}"),
        rows,
        || Ok(compute(&read_hdf(&hdf, "data", 1 << 20)?)?.num_rows() as u64),
        || size(&at("hdf")),
    )?;
    measure(
        &format!("read one column of hdf, {what}"),
        rows,
        || one(read_hdf(&hdf, "data", 1 << 20)?),
        || size(&at("hdf")),
    )
}

fn table(rows: usize, name: &str) -> Outcome<RecordBatch> {
    // A plain generator: the values only have to differ.
    let number = |i: usize| (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(|i| (number(i) % 500) as i64)));
    let amounts: ArrayRef =
        Arc::new(Float64Array::from_iter_values((0..rows).map(|i| (number(i) % 1_000_000) as f64 / 100.0)));
    if name == "dates" {
        let days: ArrayRef = Arc::new(Date32Array::from_iter_values((0..rows).map(|i| (number(i) % 20_000) as i32)));
        let seconds = (0..rows).map(|i| (number(i) % 1_700_000_000) as i64 * 1_000_000);
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(seconds));
        return Ok(RecordBatch::try_from_iter([("id", ids), ("day", days), ("at", times)])?);
    }
    if name == "text" {
        let names = ["Alice", "Bob", "Charlie", "Dan", "Edith", "Frank"];
        let names: ArrayRef =
            Arc::new(StringArray::from_iter_values((0..rows).map(|i| names[number(i) as usize % names.len()])));
        return Ok(RecordBatch::try_from_iter([("id", ids), ("name", names), ("amount", amounts)])?);
    }
    let large: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(|i| number(i) as i64)));
    let small: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(|i| i as i64)));
    Ok(RecordBatch::try_from_iter([("id", ids), ("large", large), ("amount", amounts), ("i", small)])?)
}

fn compute<C: Collection>(what: &C) -> Outcome<C::Output> {
    Ok(what.compute_with(&SyncScheduler, &RunContext::default())?)
}

fn lines(pattern: &str) -> Outcome<u64> {
    let source = TextSource::open(pattern, Some(64 << 20))?;
    let mut n = 0;
    for partition in 0..source.n_partitions() {
        for line in source.read(partition, &Want::default()).map_err(|error| error.to_string())? {
            n += u64::from(!line.map_err(|error| error.to_string())?.is_empty());
        }
    }
    Ok(n)
}

fn size(folder: &str) -> Outcome<u64> {
    let mut n = 0;
    for entry in std::fs::read_dir(folder)? {
        n += entry?.metadata()?.len();
    }
    Ok(n)
}

/// Prints the median; fails if the number of rows is not the expected one.
fn measure(what: &str, rows: usize, mut run: impl FnMut() -> Outcome<u64>, size: impl Fn() -> Outcome<u64>) -> Outcome {
    // What is read must be written first, if it is not there from an earlier run.
    let needed = what.starts_with("write") && !size().is_ok_and(|nbytes| nbytes > 0);
    if std::env::args().nth(3).is_some_and(|wanted| !what.contains(&wanted) && !needed) {
        return Ok(());
    }
    let mut seconds = Vec::new();
    for _ in 0..5 {
        let (clock, busy) = (Instant::now(), busy());
        let found = run()?;
        seconds.push(match (busy, self::busy()) {
            (Some(before), Some(after)) => after - before,
            _ => clock.elapsed().as_secs_f64(),
        });
        if found != rows as u64 {
            return Err(format!("{what}: {found} rows instead of {rows}").into());
        }
    }
    seconds.sort_by(f64::total_cmp);
    let mb = size()? as f64 / 1e6;
    println!("{what:<54} {mb:>8.1} {:>8.0} {:>8.1}", mb / seconds[2], rows as f64 / 1e6 / seconds[2]);
    Ok(())
}

/// Seconds that this thread was on a processor, where the system says so.
fn busy() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e9)
}
