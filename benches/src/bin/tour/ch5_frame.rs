//! 5: tables from CSV files: grouped, filtered, the first rows.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;

use dask_core::Collection;
use dask_frame::array::RecordBatch;
use dask_frame::array::cast::AsArray;
use dask_frame::array::types::{Float64Type, Int64Type};
use dask_frame::{col, lit};
use dask_io::csv::CsvOptions;
use dask_io::frame::read_csv;

use crate::step::{Outcome, chapter, check, check_close, run};

pub(crate) fn chapter_5(folder: &Path) -> Outcome {
    chapter("5. Frames");
    let path = folder.join("students.csv");
    let students = read_csv(&path.to_string_lossy(), CsvOptions::default())?;
    let means = students.group_by(&["HID"]).agg(&[col("Serial_No").mean()])?;
    let found = run("students.group_by(HID).agg(Serial_No.mean())", || Ok(Rows(means.compute()?)))?.0;
    let mut expected: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for_each_row(&path, |fields| {
        let group = expected.entry(fields[1].to_owned()).or_default();
        *group = (group.0 + fields[2].parse::<f64>().unwrap_or(f64::NAN), group.1 + 1.0);
    })?;
    check("number of houses", &found.num_rows(), &expected.len())?;
    for (row, (house, (sum, n))) in expected.iter().enumerate() {
        check("house", &found.column(0).as_string::<i32>().value(row), &house.as_str())?;
        check_close("mean of a house", found.column(1).as_primitive::<Float64Type>().value(row), sum / n)?;
    }

    let pattern = folder.join("accounts.*.csv");
    let accounts = read_csv(&pattern.to_string_lossy(), CsvOptions::default())?;
    run("accounts = read_csv(accounts.*.csv); accounts.head(3)", || Ok(Rows(accounts.head(3).compute()?)))?;
    let large = accounts.filter(col("amount").gt(lit(2500)))?;
    let totals = large.group_by(&["names"]).agg(&[col("amount").sum(), col("amount").count().alias("n")])?;
    let found = run("accounts[amount > 2500].group_by(names).agg(amount.sum(), amount.count())", || {
        Ok(Rows(totals.compute()?))
    })?;
    let mut expected: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for file in 0..3 {
        for_each_row(&folder.join(format!("accounts.{file}.csv")), |fields| {
            let amount: i64 = fields[2].parse().unwrap_or(i64::MIN);
            if amount > 2500 {
                let group = expected.entry(fields[1].to_owned()).or_default();
                *group = (group.0 + amount, group.1 + 1);
            }
        })?;
    }
    let column = |i: usize| found.0.column(i).as_primitive::<Int64Type>().values().to_vec();
    check("sums by name", &column(1), &expected.values().map(|group| group.0).collect())?;
    check("counts by name", &column(2), &expected.values().map(|group| group.1).collect())?;
    flights(&folder.join("flights"))
}

/// Ten files with gaps: means pass over what is missing.
fn flights(folder: &Path) -> Outcome {
    let flights = read_csv(&folder.join("*.csv").to_string_lossy(), CsvOptions::default())?;
    let flown = flights.filter(col("Cancelled").eq(lit(0)))?;
    let delays = flown.group_by(&["Origin"]).agg(&[col("DepDelay").mean(), col("Distance").count().alias("n")])?;
    let found = run("flights[Cancelled == 0].group_by(Origin).agg(DepDelay.mean(), Distance.count())", || {
        Ok(Rows(delays.compute()?))
    })?;
    let mut expected: BTreeMap<String, (f64, f64, i64)> = BTreeMap::new();
    for year in 1990..2000 {
        for_each_row(&folder.join(format!("{year}.csv")), |fields| {
            if let Ok(delay) = fields[3].parse::<f64>() {
                let group = expected.entry(fields[5].to_owned()).or_default();
                *group = (group.0 + delay, group.1 + 1.0, group.2 + i64::from(!fields[7].is_empty()));
            }
        })?;
    }
    check("number of airports", &found.0.num_rows(), &expected.len())?;
    for (row, (airport, (sum, n, known))) in expected.iter().enumerate() {
        check("airport", &found.0.column(0).as_string::<i32>().value(row), &airport.as_str())?;
        check_close("mean delay", found.0.column(1).as_primitive::<Float64Type>().value(row), sum / n)?;
        check("known distances", &found.0.column(2).as_primitive::<Int64Type>().value(row), known)?;
    }
    Ok(())
}

/// Shows its size and its first row.
pub(crate) struct Rows(pub(crate) RecordBatch);

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} rows of {:?}",
            self.0.num_rows(),
            self.0.schema().fields().iter().map(|f| f.name()).collect::<Vec<_>>()
        )
    }
}

/// The rows of a file without quotes, split at commas, by a plain loop.
pub(crate) fn for_each_row(path: &Path, mut f: impl FnMut(&[&str])) -> Outcome {
    for line in BufReader::new(std::fs::File::open(path)?).lines().skip(1) {
        f(&line?.split(',').collect::<Vec<_>>());
    }
    Ok(())
}
