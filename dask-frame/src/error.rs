//! What can go wrong with frames.

use std::collections::HashSet;

/// Every way in which a frame operation refuses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A column that is not there.
    #[error("no column is called {column:?}{}; there are: {known}", suggestion.as_ref().map(|s| format!(" (did you mean {s:?}?)")).unwrap_or_default())]
    UnknownColumn {
        /// What was asked for.
        column: String,
        /// The nearest there is.
        suggestion: Option<String>,
        /// What there is.
        known: String,
    },
    /// An expression that does not work on these columns.
    #[error("{expression}: {why}")]
    BadExpression {
        /// The expression.
        expression: String,
        /// What Arrow said.
        why: String,
    },
    /// A condition that is no truth value.
    #[error("a filter needs a condition, and {expression} is {found}")]
    NotACondition {
        /// The expression.
        expression: String,
        /// Its type.
        found: String,
    },
    /// A partition that differs from what was announced.
    #[error("partition {partition}: {found}, expected {expected}")]
    WrongSchema {
        /// Which.
        partition: usize,
        /// What it has.
        found: String,
        /// What was announced.
        expected: String,
    },
    /// An aggregation that has no meaning for a type.
    #[error("{aggregation} of column {column:?}, which is {dtype}")]
    BadAggregation {
        /// Which.
        aggregation: String,
        /// The column.
        column: String,
        /// Its type.
        dtype: String,
    },
    /// Two columns of a result that have one name.
    #[error("two columns would be called {column:?}; name one with `.alias(..)`")]
    DuplicateColumn {
        /// The name.
        column: String,
    },
    /// No partitions and no schema.
    #[error("a frame needs at least one batch, to know its columns")]
    NoBatches,
    /// What Arrow said.
    #[error(transparent)]
    Arrow(#[from] arrow_schema::ArrowError),
}

impl From<FrameError> for dask_core::Error {
    fn from(error: FrameError) -> Self {
        Self::other(error)
    }
}

impl FrameError {
    /// Refuses two columns of one name.
    pub(crate) fn check_distinct<'a>(names: impl Iterator<Item = &'a String>) -> Result<(), Self> {
        let mut seen = HashSet::new();
        names
            .into_iter()
            .find(|&name| !seen.insert(name))
            .map_or(Ok(()), |column| Err(Self::DuplicateColumn { column: column.clone() }))
    }

    pub(crate) fn unknown_column(column: &str, schema: &arrow_schema::Schema) -> Self {
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let nearest = names.iter().map(|name| (strsim::damerau_levenshtein(name, column), *name)).min();
        let suggestion = nearest.filter(|(distance, name)| *distance <= name.len().max(3) / 3 + 1);
        Self::UnknownColumn {
            column: column.into(),
            suggestion: suggestion.map(|(_, name)| name.into()),
            known: names.join(", "),
        }
    }
}
