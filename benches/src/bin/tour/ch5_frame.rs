//! 5: tables from CSV files: grouped, filtered, the first rows.

use std::collections::BTreeMap;
use std::path::Path;

use dask_core::Collection;
use dask_frame::{DataFrame, col, lit};
use dask_io::csv::CsvOptions;
use dask_io::frame::read_csv;

use crate::plain::{first_accounts, for_each_row, mean_serials, totals_above};
use crate::step::{Outcome, chapter, check, run};
use crate::table::{Rows, check_accounts, check_means, check_totals};

pub(crate) fn chapter_5(folder: &Path) -> Outcome {
    chapter("5. Frames");
    let means = mean_serials_lazily(folder)?;
    let found = run("students.group_by(HID).agg(Serial_No.mean())", || Ok(Rows(means.compute()?)))?;
    check_means("mean serial number", &found, &mean_serials(folder)?)?;

    let pattern = folder.join("accounts.*.csv");
    let accounts = read_csv(&pattern.to_string_lossy(), CsvOptions::default())?;
    let found = run("accounts = read_csv(accounts.*.csv); accounts.head(3)", || Ok(Rows(accounts.head(3).compute()?)))?;
    check_accounts("the first three accounts", &found, &first_accounts(folder, 3)?)?;
    let large = accounts.filter(col("amount").gt(lit(2500)))?;
    let totals = large.group_by(&["names"]).agg(&[col("amount").sum(), col("amount").count().alias("n")])?;
    let found = run("accounts[amount > 2500].group_by(names).agg(amount.sum(), amount.count())", || {
        Ok(Rows(totals.compute()?))
    })?;
    check_totals(&found, &totals_above(folder, 2500)?)?;
    flights(&folder.join("flights"))
}

/// The mean serial number of each house, not computed yet.
pub(crate) fn mean_serials_lazily(folder: &Path) -> Outcome<DataFrame> {
    let students = read_csv(&folder.join("students.csv").to_string_lossy(), CsvOptions::default())?;
    Ok(students.group_by(&["HID"]).agg(&[col("Serial_No").mean()])?)
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
    check("known distances", &found.integers(2), &expected.values().map(|group| group.2).collect())?;
    let means = expected.into_iter().map(|(airport, (sum, n, _))| (airport, sum / n)).collect();
    check_means("mean delay", &found, &means)
}
