//! What can go wrong with frames.

/// Every way in which a frame operation refuses.
///
/// ```
#[doc = include_str!("example.txt")]
/// // name, amount: a 1, b 2, a 30, c null
/// use dask_frame::FrameError;
/// let error = frame.select(&["amonut"]).unwrap_err();
/// assert!(matches!(&error, FrameError::UnknownColumn { suggestion: Some(meant), .. } if meant == "amount"));
/// assert!(matches!(frame.filter(col("amount") * lit(2)), Err(FrameError::NotACondition { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// Decimals whose sum has more digits than there are.
    #[error("sum of {column:?}: {why}; as floats it fits: `(col(..) * lit(1.0)).sum()`")]
    SumTooLarge {
        /// What was summed.
        column: String,
        /// What Arrow said.
        why: String,
    },
    /// Two columns of one name.
    #[error(
        "two columns would be called {column:?}; give one of them another name, as in `col({column:?}).max().alias(\"most\")`"
    )]
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
    /// Refuses columns of which two have the same name: only the first could ever be asked for.
    pub(crate) fn unless_distinct<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), Self> {
        let mut known = std::collections::HashSet::new();
        match names.into_iter().find(|name| !known.insert(*name)) {
            Some(twice) => Err(Self::DuplicateColumn { column: twice.into() }),
            None => Ok(()),
        }
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
