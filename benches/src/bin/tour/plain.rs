//! The answers of the tour's questions by plain loops over the files, with nothing of ours in between.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::step::Outcome;

/// The rows of a file without quotes, split at commas.
pub(crate) fn for_each_row(path: &Path, mut f: impl FnMut(&[&str])) -> Outcome {
    let named = |error: std::io::Error| format!("{}: {error}", path.display());
    for line in BufReader::new(std::fs::File::open(path).map_err(named)?).lines().skip(1) {
        f(&line.map_err(named)?.split(',').collect::<Vec<_>>());
    }
    Ok(())
}

/// The text of a gzip file.
pub(crate) fn gunzip(path: &Path) -> Outcome<String> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path)?).read_to_string(&mut text)?;
    Ok(text)
}

/// The three files with accounts as rows.
pub(crate) fn accounts_csv(folder: &Path) -> impl Iterator<Item = PathBuf> {
    (0..3).map(|file| folder.join(format!("accounts.{file}.csv")))
}

/// The fifty files with accounts as JSON.
pub(crate) fn accounts_json(folder: &Path) -> impl Iterator<Item = PathBuf> {
    (0..50).map(|file| folder.join(format!("accounts.{file:02}.json.gz")))
}

/// A row of accounts: id, name, amount.
pub(crate) type Account = (i64, String, i64);

/// The accounts of all rows, in order, given to `f`.
pub(crate) fn for_each_account(folder: &Path, mut f: impl FnMut(i64, &str, i64)) -> Outcome {
    for file in accounts_csv(folder) {
        for_each_row(&file, |fields| {
            let number = |field: &str| field.parse().unwrap_or(i64::MIN);
            f(number(fields[0]), fields[1], number(fields[2]));
        })?;
    }
    Ok(())
}

/// The first rows of all.
pub(crate) fn first_accounts(folder: &Path, n: usize) -> Outcome<Vec<Account>> {
    let mut first = Vec::new();
    for_each_account(folder, |id, name, amount| {
        if first.len() < n {
            first.push((id, name.to_owned(), amount));
        }
    })?;
    Ok(first)
}

/// Sum and number of amounts by name.
pub(crate) type Totals = BTreeMap<String, (i64, i64)>;

/// The totals of the accounts with more than `least`.
pub(crate) fn totals_above(folder: &Path, least: i64) -> Outcome<Totals> {
    let mut totals = Totals::new();
    for_each_account(folder, |_, name, amount| {
        if amount > least {
            let total = totals.entry(name.to_owned()).or_default();
            *total = (total.0 + amount, total.1 + 1);
        }
    })?;
    Ok(totals)
}

/// The mean serial number of the students of each house.
pub(crate) fn mean_serials(folder: &Path) -> Outcome<BTreeMap<String, f64>> {
    let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for_each_row(&folder.join("students.csv"), |fields| {
        let group = sums.entry(fields[1].to_owned()).or_default();
        *group = (group.0 + fields[2].parse::<f64>().unwrap_or(f64::NAN), group.1 + 1.0);
    })?;
    Ok(sums.into_iter().map(|(house, (sum, n))| (house, sum / n)).collect())
}
