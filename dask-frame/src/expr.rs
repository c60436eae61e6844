//! Expressions on columns, row by row. As in Arrow, what is made of a null is null, and a null condition drops the row.

use std::fmt;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{ArrowError, DataType, Schema};
use dask_core::{Literal, Operator};
use serde::{Deserialize, Serialize};

use crate::aggregate::{Aggregate, Aggregation};
use crate::error::FrameError;
use crate::operands::{Evaluated, Operation, alike, scalar};

/// What is done with two numbers in an [`Expr`].
///
/// ```
/// use dask_frame::{Arithmetic, Expr, col, lit};
/// let price = col("price") * lit(2);
/// assert!(matches!(price, Expr::Arithmetic(Arithmetic::Multiply, ..)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arithmetic {
    /// `+`.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`.
    Divide,
    /// `%`.
    Remainder,
}

/// An expression on the columns of a row.
///
/// ```
#[doc = include_str!("example.txt")]
/// // name, amount: a 1, b 2, a 30, c null
/// let even = (col("amount") % lit(2)).eq(lit(0));
/// let found = frame.filter(!even.clone())?.compute()?;
/// assert_eq!(found["amount"].as_primitive::<Int64Type>().values(), &[1]);
/// // What is made of a null is null, and dropped: `c` is neither even nor odd.
/// assert_eq!(frame.filter(even.is_null())?.compute()?.num_rows(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Expr {
    /// A column.
    Column(String),
    /// The same value in every row.
    Literal(Literal),
    /// Arithmetic; whole numbers that overflow or are divided by zero are errors.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// A comparison.
    Compare(Operator, Box<Expr>, Box<Expr>),
    /// Both.
    And(Box<Expr>, Box<Expr>),
    /// One or both.
    Or(Box<Expr>, Box<Expr>),
    /// Not.
    Not(Box<Expr>),
    /// The same under another name.
    Alias(Box<Expr>, String),
}

/// A column.
///
/// ```
/// use dask_frame::{col, lit};
/// let expr = (col("price") * lit(1.2)).gt(lit(100)).or(col("is_gift"));
/// assert_eq!(expr.to_string(), "(((price * 1.2) > 100) or is_gift)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn col(name: &str) -> Expr {
    Expr::Column(name.into())
}

/// The same value in every row.
///
/// ```
/// use dask_frame::{col, lit};
/// assert_eq!(col("name").eq(lit("Ada")).to_string(), "(name == \"Ada\")");
/// assert_eq!(lit(true).to_string(), "true");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn lit(value: impl Into<LiteralValue>) -> Expr {
    Expr::Literal(value.into().0)
}

/// What [`lit`] takes: whole numbers, floats, truth values, text.
pub struct LiteralValue(Literal);

macro_rules! literals {
    ($($type:ty => $f:expr;)*) => {$(
        impl From<$type> for LiteralValue {
            fn from(value: $type) -> Self { let f: fn($type) -> Literal = $f; Self(f(value)) }
        }
    )*};
}
literals! {
    i64 => Literal::Int64;
    i32 => |value| Literal::Int64(i64::from(value));
    f64 => Literal::Float64;
    bool => Literal::Boolean;
    &str => |value| Literal::Utf8(value.to_owned());
}

impl Expr {
    fn compare(self, operator: Operator, other: Self) -> Self {
        Self::Compare(operator, Box::new(self), Box::new(other))
    }
    /// Whether it is greater.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let found = frame.filter(col("amount").gt(lit(2)))?.compute()?;
    /// assert_eq!(found["amount"].as_primitive::<Int64Type>().values(), &[30]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn gt(self, other: Self) -> Self {
        self.compare(Operator::Gt, other)
    }
    /// Whether it is greater or equal.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let found = frame.filter(col("amount").gt_eq(lit(2)))?.compute()?;
    /// assert_eq!(found["amount"].as_primitive::<Int64Type>().values(), &[2, 30]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn gt_eq(self, other: Self) -> Self {
        self.compare(Operator::GtEq, other)
    }
    /// Whether it is less.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let found = frame.filter(col("amount").lt(lit(2)))?.compute()?;
    /// assert_eq!(found["amount"].as_primitive::<Int64Type>().values(), &[1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn lt(self, other: Self) -> Self {
        self.compare(Operator::Lt, other)
    }
    /// Whether it is less or equal.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let found = frame.filter(col("amount").lt_eq(lit(2)))?.compute()?;
    /// assert_eq!(found["amount"].as_primitive::<Int64Type>().values(), &[1, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn lt_eq(self, other: Self) -> Self {
        self.compare(Operator::LtEq, other)
    }
    /// Whether it is equal.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let found = frame.filter(col("name").eq(lit("a")))?.compute()?;
    /// assert_eq!(found["amount"].as_primitive::<Int64Type>().values(), &[1, 30]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn eq(self, other: Self) -> Self {
        self.compare(Operator::Eq, other)
    }
    /// Whether it is not equal.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let found = frame.filter(col("amount").not_eq(lit(2)))?.compute()?;
    /// // Nor is the null unequal.
    /// assert_eq!(found["amount"].as_primitive::<Int64Type>().values(), &[1, 30]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn not_eq(self, other: Self) -> Self {
        self.compare(Operator::NotEq, other)
    }
    /// Whether it is null.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let found = frame.filter(col("amount").is_null())?.compute()?;
    /// assert_eq!(found["name"].as_string::<i32>().value(0), "c");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_null(self) -> Self {
        self.compare(Operator::IsNull, Self::Literal(Literal::Null))
    }
    /// Whether it is not null.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let found = frame.filter(col("amount").is_not_null())?.compute()?;
    /// assert_eq!(found["amount"].as_primitive::<Int64Type>().values(), &[1, 2, 30]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_not_null(self) -> Self {
        self.compare(Operator::IsNotNull, Self::Literal(Literal::Null))
    }
    /// Both.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let found = frame.filter(col("name").eq(lit("a")).and(col("amount").gt(lit(1))))?.compute()?;
    /// assert_eq!(found["amount"].as_primitive::<Int64Type>().values(), &[30]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::And(Box::new(self), Box::new(other))
    }
    /// One or both.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let found = frame.filter(col("name").eq(lit("c")).or(col("amount").gt(lit(2))))?.compute()?;
    /// assert_eq!(found["name"].as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["a", "c"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::Or(Box::new(self), Box::new(other))
    }
    /// The same under another name.
    ///
    /// ```
    /// use dask_frame::{col, lit};
    /// let cents = (col("amount") * lit(100)).alias("cents");
    /// assert_eq!((cents.name(), cents.to_string()), ("cents".into(), "(amount * 100) as cents".into()));
    /// ```
    #[must_use]
    pub fn alias(self, name: &str) -> Self {
        Self::Alias(Box::new(self), name.into())
    }

    /// Its sum in each group.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let whole = frame.agg(&[col("amount").sum()])?.compute()?;
    /// assert_eq!(whole["amount"].as_primitive::<Int64Type>().values(), &[33]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sum(self) -> Aggregate {
        Aggregate::new(self, Aggregation::Sum)
    }
    /// Its mean in each group.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let whole = frame.agg(&[col("amount").mean()])?.compute()?;
    /// assert_eq!(whole["amount"].as_primitive::<Float64Type>().values(), &[11.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mean(self) -> Aggregate {
        Aggregate::new(self, Aggregation::Mean)
    }
    /// How many are not null in each group.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let whole = frame.agg(&[col("amount").count()])?.compute()?;
    /// assert_eq!(whole["amount"].as_primitive::<Int64Type>().values(), &[3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count(self) -> Aggregate {
        Aggregate::new(self, Aggregation::Count)
    }
    /// The smallest in each group.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let whole = frame.agg(&[col("amount").min()])?.compute()?;
    /// assert_eq!(whole["amount"].as_primitive::<Int64Type>().values(), &[1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn min(self) -> Aggregate {
        Aggregate::new(self, Aggregation::Min)
    }
    /// The largest in each group.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let whole = frame.agg(&[col("amount").max()])?.compute()?;
    /// assert_eq!(whole["amount"].as_primitive::<Int64Type>().values(), &[30]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max(self) -> Aggregate {
        Aggregate::new(self, Aggregation::Max)
    }

    /// The name of its column in a result.
    ///
    /// ```
    /// use dask_frame::{col, lit};
    /// assert_eq!(col("amount").name(), "amount");
    /// assert_eq!((col("amount") * lit(100)).name(), "(amount * 100)");
    /// ```
    pub fn name(&self) -> String {
        match self {
            Self::Column(name) | Self::Alias(_, name) => name.clone(),
            other => other.to_string(),
        }
    }

    /// Adds the columns it reads.
    pub(crate) fn columns(&self, into: &mut Vec<String>) {
        match self {
            Self::Column(name) => {
                if !into.contains(name) {
                    into.push(name.clone());
                }
            }
            Self::Literal(_) => {}
            Self::Arithmetic(_, a, b) | Self::Compare(_, a, b) | Self::And(a, b) | Self::Or(a, b) => {
                a.columns(into);
                b.columns(into);
            }
            Self::Not(a) | Self::Alias(a, _) => a.columns(into),
        }
    }

    /// Its type on rows of this schema.
    pub(crate) fn dtype(&self, schema: &Arc<Schema>) -> Result<DataType, FrameError> {
        Ok(self.eval(&RecordBatch::new_empty(schema.clone()))?.data_type().clone())
    }

    /// One value a row.
    pub(crate) fn eval(&self, batch: &RecordBatch) -> Result<ArrayRef, FrameError> {
        match self.evaluate(batch)? {
            Evaluated::Array(array) => Ok(array),
            Evaluated::Scalar(scalar) => {
                let indices = arrow_array::UInt32Array::from(vec![0; batch.num_rows()]);
                Ok(arrow_select::take::take(&scalar, &indices, None)?)
            }
        }
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<Evaluated, FrameError> {
        let bad =
            |error: ArrowError| FrameError::BadExpression { expression: self.to_string(), why: error.to_string() };
        let array = match self {
            Self::Column(name) => match batch.column_by_name(name) {
                Some(column) => column.clone(),
                None => return Err(FrameError::unknown_column(name, &batch.schema())),
            },
            Self::Literal(literal) => return Ok(Evaluated::Scalar(scalar(literal))),
            Self::Alias(inner, _) => return inner.evaluate(batch),
            Self::Not(inner) => Arc::new(arrow_arith::boolean::not(&condition(inner, batch)?).map_err(bad)?),
            Self::And(a, b) => {
                Arc::new(arrow_arith::boolean::and_kleene(&condition(a, batch)?, &condition(b, batch)?).map_err(bad)?)
            }
            Self::Or(a, b) => {
                Arc::new(arrow_arith::boolean::or_kleene(&condition(a, batch)?, &condition(b, batch)?).map_err(bad)?)
            }
            Self::Compare(operator, a, b) => {
                use arrow_ord::cmp;
                let f = match operator {
                    Operator::IsNull => {
                        return Ok(Evaluated::Array(Arc::new(arrow_arith::boolean::is_null(&a.eval(batch)?)?)));
                    }
                    Operator::IsNotNull => {
                        return Ok(Evaluated::Array(Arc::new(arrow_arith::boolean::is_not_null(&a.eval(batch)?)?)));
                    }
                    Operator::Eq => cmp::eq,
                    Operator::NotEq => cmp::neq,
                    Operator::Lt => cmp::lt,
                    Operator::LtEq => cmp::lt_eq,
                    Operator::Gt => cmp::gt,
                    Operator::GtEq => cmp::gt_eq,
                };
                let (a, b) = alike(Operation::Comparison, a.evaluate(batch)?, b.evaluate(batch)?).map_err(bad)?;
                Arc::new(f(&*a.datum(), &*b.datum()).map_err(bad)?)
            }
            Self::Arithmetic(operation, a, b) => {
                use arrow_arith::numeric;
                let f = match operation {
                    Arithmetic::Add => numeric::add,
                    Arithmetic::Subtract => numeric::sub,
                    Arithmetic::Multiply => numeric::mul,
                    Arithmetic::Divide => numeric::div,
                    Arithmetic::Remainder => numeric::rem,
                };
                let (a, b) = alike(Operation::Arithmetic, a.evaluate(batch)?, b.evaluate(batch)?).map_err(bad)?;
                f(&*a.datum(), &*b.datum()).map_err(bad)?
            }
        };
        Ok(Evaluated::Array(array))
    }
}

/// An expression that must be a condition.
pub(crate) fn condition(expr: &Expr, batch: &RecordBatch) -> Result<BooleanArray, FrameError> {
    let array = expr.eval(batch)?;
    match array.as_any().downcast_ref::<BooleanArray>() {
        Some(condition) => Ok(condition.clone()),
        None => Err(FrameError::NotACondition { expression: expr.to_string(), found: array.data_type().to_string() }),
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(name) => f.write_str(name),
            Self::Alias(inner, name) => write!(f, "{inner} as {name}"),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::And(a, b) => write!(f, "({a} and {b})"),
            Self::Or(a, b) => write!(f, "({a} or {b})"),
            Self::Arithmetic(operation, a, b) => {
                let sign = match operation {
                    Arithmetic::Add => '+',
                    Arithmetic::Subtract => '-',
                    Arithmetic::Multiply => '*',
                    Arithmetic::Divide => '/',
                    Arithmetic::Remainder => '%',
                };
                write!(f, "({a} {sign} {b})")
            }
            Self::Compare(Operator::IsNull, a, _) => write!(f, "({a} is null)"),
            Self::Compare(Operator::IsNotNull, a, _) => write!(f, "({a} is not null)"),
            Self::Compare(operator, a, b) => {
                let sign = match operator {
                    Operator::Eq => "==",
                    Operator::NotEq => "!=",
                    Operator::Lt => "<",
                    Operator::LtEq => "<=",
                    Operator::Gt => ">",
                    _ => ">=",
                };
                write!(f, "({a} {sign} {b})")
            }
            Self::Literal(literal) => match literal {
                Literal::Null => f.write_str("null"),
                Literal::Boolean(value) => write!(f, "{value}"),
                Literal::Int64(value) => write!(f, "{value}"),
                Literal::Float64(value) => write!(f, "{value}"),
                Literal::Utf8(value) => write!(f, "{value:?}"),
                Literal::Date32(value) => write!(f, "day {value}"),
                Literal::TimestampMicros(value) => write!(f, "{value} µs"),
            },
        }
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $op:ident;)*) => {$(
        impl std::ops::$trait for Expr {
            type Output = Expr;
            fn $method(self, other: Expr) -> Expr {
                Expr::Arithmetic(Arithmetic::$op, Box::new(self), Box::new(other))
            }
        }
    )*};
}
operators! { Add add Add; Sub sub Subtract; Mul mul Multiply; Div div Divide; Rem rem Remainder; }

impl std::ops::Not for Expr {
    type Output = Self;
    fn not(self) -> Self {
        Self::Not(Box::new(self))
    }
}
