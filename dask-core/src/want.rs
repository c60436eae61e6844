//! What is asked of a read, and how well a source honours it.

use serde::{Deserialize, Serialize};

/// What a reader is asked for: fewer columns, fewer rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Want {
    /// The columns, in this order; all if `None`.
    pub columns: Option<Vec<String>>,
    /// Rows for which all of these hold; others may come too where the source honours a clause only roughly or not.
    pub clauses: Vec<Clause>,
    /// No more rows than this are needed from a partition.
    pub limit: Option<usize>,
}

/// A column compared with a literal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clause {
    /// The column.
    pub column: String,
    /// The comparison, with the column on the left.
    pub operator: Operator,
    /// What it is compared with.
    pub literal: Literal,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal.
    NotEq,
    /// Less.
    Lt,
    /// Less or equal.
    LtEq,
    /// Greater.
    Gt,
    /// Greater or equal.
    GtEq,
    /// Is null; the literal does not matter.
    IsNull,
    /// Is not null; the literal does not matter.
    IsNotNull,
}

/// A value to compare with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Literal {
    /// No value.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A whole number.
    Int64(i64),
    /// A number.
    Float64(f64),
    /// A text.
    Utf8(String),
    /// Days since 1970-01-01.
    Date32(i32),
    /// Microseconds since 1970-01-01 00:00 UTC.
    TimestampMicros(i64),
}

/// How well a source honours a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Honours {
    /// Only rows for which it holds are returned.
    Exactly,
    /// Some rows for which it does not hold are left out (row groups by their statistics).
    Roughly,
    /// The clause is passed over.
    No,
}
