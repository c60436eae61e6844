//! Tables that come out of frames: shown, and compared with what plain loops gave.

use std::collections::BTreeMap;

use dask_frame::array::RecordBatch;
use dask_frame::array::cast::AsArray;
use dask_frame::array::types::{Float64Type, Int64Type};

use crate::plain::{Account, Totals};
use crate::step::{Outcome, check, check_close};

/// Shows its size and its columns.
pub(crate) struct Rows(pub(crate) RecordBatch);

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.0.schema_ref().fields().iter().map(|field| field.name()).collect();
        write!(f, "{} rows of {names:?}", self.0.num_rows())
    }
}

impl Rows {
    /// A column of texts.
    pub(crate) fn texts(&self, column: usize) -> Vec<String> {
        self.0.column(column).as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_owned()).collect()
    }

    /// A column of whole numbers.
    pub(crate) fn integers(&self, column: usize) -> Vec<i64> {
        self.0.column(column).as_primitive::<Int64Type>().values().to_vec()
    }

    /// A column of numbers.
    pub(crate) fn floats(&self, column: usize) -> Vec<f64> {
        self.0.column(column).as_primitive::<Float64Type>().values().to_vec()
    }
}

/// Fails unless the rows are these accounts, in this order.
pub(crate) fn check_accounts(what: &str, found: &Rows, expected: &Vec<Account>) -> Outcome {
    let (ids, names, amounts) = (found.integers(0), found.texts(1), found.integers(2));
    let rows = ids.into_iter().zip(names).zip(amounts).map(|((id, name), amount)| (id, name, amount));
    check(what, &rows.collect(), expected)
}

/// Fails unless the table has these sums and counts, by name.
pub(crate) fn check_totals(found: &Rows, expected: &Totals) -> Outcome {
    let totals = found.texts(0).into_iter().zip(found.integers(1).into_iter().zip(found.integers(2)));
    check("sums and counts by name", &totals.collect::<Vec<_>>(), &expected.clone().into_iter().collect())
}

/// Fails unless the table has these means, by group.
pub(crate) fn check_means(what: &str, found: &Rows, expected: &BTreeMap<String, f64>) -> Outcome {
    check(&format!("{what}: groups"), &found.texts(0), &expected.keys().cloned().collect())?;
    found
        .floats(1)
        .iter()
        .zip(expected)
        .try_for_each(|(&mean, (group, &expected))| check_close(&format!("{what} of {group}"), mean, expected))
}
