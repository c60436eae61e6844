//! What is computed of a group: partial states as columns, so that partial tables are record batches.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, UInt32Array};
use arrow_schema::DataType;
use serde::{Deserialize, Serialize};

use crate::error::FrameError;
use crate::expr::Expr;
use crate::sum::{sum_type, sums};

/// How a column becomes one value. Nulls are passed over.
///
/// ```
#[doc = include_str!("example.txt")]
/// // name, amount: a 1, b 2, a 30, c null
/// use dask_frame::{Aggregate, Aggregation};
/// let of_amount = |of, name: &str| Aggregate::new(col("amount"), of).alias(name);
/// let whole = frame.agg(&[of_amount(Aggregation::Count, "n"), of_amount(Aggregation::Mean, "mean")])?.compute()?;
/// assert_eq!(whole["n"].as_primitive::<Int64Type>().value(0), 3);
/// assert_eq!(whole["mean"].as_primitive::<Float64Type>().value(0), 11.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Aggregation {
    /// The sum; of nothing 0. Its type is that of pandas: whole numbers are summed in 64 bits, with a sign if they have
    /// one, and wrap; truth values as 0 and 1; floats in 64 bits; decimals as decimals of the same scale with as many
    /// digits as there are, and what has more is an error.
    Sum,
    /// How many are not null.
    Count,
    /// The mean, as a 64-bit float (of decimals too); of nothing null.
    Mean,
    /// The smallest; of nothing null.
    Min,
    /// The largest; of nothing null.
    Max,
}

/// An aggregation of an expression, under a name.
///
/// ```
/// use dask_frame::{Aggregate, Aggregation, col};
/// let most = Aggregate::new(col("amount"), Aggregation::Max).alias("most");
/// assert_eq!(most, col("amount").max().alias("most"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    pub(crate) expr: Expr,
    pub(crate) aggregation: Aggregation,
    pub(crate) name: String,
}

impl Aggregate {
    /// Named after the expression.
    ///
    /// ```
    /// use dask_frame::{Aggregate, Aggregation, col};
    /// assert_eq!(Aggregate::new(col("amount"), Aggregation::Sum), col("amount").sum());
    /// ```
    pub fn new(expr: Expr, aggregation: Aggregation) -> Self {
        Self { name: expr.name(), expr, aggregation }
    }

    /// The same under another name.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let whole = frame.agg(&[col("amount").min(), col("amount").max().alias("most")])?;
    /// assert_eq!(whole.columns(), ["amount", "most"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn alias(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// Refuses types for which it has no meaning.
    pub(crate) fn check(&self, dtype: &DataType) -> Result<(), FrameError> {
        let fine = match self.aggregation {
            Aggregation::Sum | Aggregation::Mean => sum_type(dtype).is_some(),
            Aggregation::Count => true,
            Aggregation::Min | Aggregation::Max => !dtype.is_nested(),
        };
        if fine {
            return Ok(());
        }
        let aggregation = format!("{:?}", self.aggregation).to_lowercase();
        Err(FrameError::BadAggregation { aggregation, column: self.expr.to_string(), dtype: dtype.to_string() })
    }

    /// The state columns of groups: `group_of` says to which group each row belongs.
    pub(crate) fn start(
        &self,
        values: &ArrayRef,
        group_of: &[u32],
        n_groups: usize,
    ) -> Result<Vec<ArrayRef>, FrameError> {
        match self.aggregation {
            Aggregation::Count => Ok(vec![counts(values, group_of, n_groups)]),
            Aggregation::Sum => Ok(vec![self.sums(values, group_of, n_groups)?]),
            Aggregation::Mean => {
                let floats = arrow_cast::cast(values, &DataType::Float64)?;
                Ok(vec![self.sums(&floats, group_of, n_groups)?, counts(values, group_of, n_groups)])
            }
            Aggregation::Min => Ok(vec![extremum(values, group_of, n_groups, false)?]),
            Aggregation::Max => Ok(vec![extremum(values, group_of, n_groups, true)?]),
        }
    }

    /// How many state columns there are.
    pub(crate) fn n_states(&self) -> usize {
        if self.aggregation == Aggregation::Mean { 2 } else { 1 }
    }

    /// The states of groups of groups.
    pub(crate) fn merge(
        &self,
        states: &[ArrayRef],
        group_of: &[u32],
        n_groups: usize,
    ) -> Result<Vec<ArrayRef>, FrameError> {
        states
            .iter()
            .map(|state| match self.aggregation {
                Aggregation::Min => extremum(state, group_of, n_groups, false),
                Aggregation::Max => extremum(state, group_of, n_groups, true),
                _ => self.sums(state, group_of, n_groups),
            })
            .collect()
    }

    fn sums(&self, values: &ArrayRef, group_of: &[u32], n_groups: usize) -> Result<ArrayRef, FrameError> {
        sums(values, group_of, n_groups)
            .map_err(|error| FrameError::SumTooLarge { column: self.expr.to_string(), why: error.to_string() })
    }

    /// The result of the states.
    pub(crate) fn finish(&self, states: &[ArrayRef]) -> Result<ArrayRef, FrameError> {
        if self.aggregation != Aggregation::Mean {
            return Ok(states[0].clone());
        }
        let (sums, counts) = (states[0].as_primitive::<Float64Type>(), states[1].as_primitive::<Int64Type>());
        let mean = |(sum, count): (&f64, &i64)| (*count > 0).then(|| sum / *count as f64);
        Ok(Arc::new(sums.values().iter().zip(counts.values()).map(mean).collect::<Float64Array>()))
    }
}

fn counts(values: &ArrayRef, group_of: &[u32], n_groups: usize) -> ArrayRef {
    let mut counts = vec![0i64; n_groups];
    match values.logical_nulls() {
        None => group_of.iter().for_each(|&group| counts[group as usize] += 1),
        Some(nulls) => {
            group_of.iter().zip(nulls.iter()).for_each(|(&group, valid)| counts[group as usize] += i64::from(valid));
        }
    }
    Arc::new(Int64Array::from(counts))
}

/// The row that holds the extremum of each group, taken.
fn extremum(values: &ArrayRef, group_of: &[u32], n_groups: usize, largest: bool) -> Result<ArrayRef, FrameError> {
    let compare = arrow_ord::ord::make_comparator(values, values, arrow_schema::SortOptions::default())?;
    let nulls = values.logical_nulls();
    let mut best: Vec<Option<u32>> = vec![None; n_groups];
    for (row, &group) in group_of.iter().enumerate() {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            continue;
        }
        let best = &mut best[group as usize];
        let better = best.is_none_or(|known| {
            let order = compare(row, known as usize);
            if largest { order.is_gt() } else { order.is_lt() }
        });
        if better {
            *best = Some(row as u32);
        }
    }
    Ok(arrow_select::take::take(values, &UInt32Array::from(best), None)?)
}
