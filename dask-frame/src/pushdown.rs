//! What of the steps on rows a source is asked for, so that it reads less: columns, clauses, a limit.
//!
//! All steps are still taken: a source may pass on more than it was asked for, and nothing depends on how much. Only an
//! error in a row that a later filter leaves out may go unseen.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampSecondType};
use arrow_cast::CastOptions;
use arrow_schema::{DataType, TimeUnit};
use dask_core::{Clause, Honours, Literal, Operator, Want};

use crate::expr::Expr;
use crate::operands::scalar;
use crate::rows::{Source, Step};

/// The steps that remain, and what `source` is asked for, of whose partitions no more than `limit` rows are needed after
/// the steps.
pub(crate) fn pushed(steps: &[Step], source: &Source, limit: Option<usize>) -> (Vec<Step>, Want) {
    let (kept, columns) = pruned(steps);
    let columns = columns.map(|mut columns| {
        // Without any column a batch would not know how many rows it has.
        if columns.is_empty() {
            columns.extend(source.meta().fields().first().map(|field| field.name().clone()));
        }
        columns
    });
    let clauses = clauses(steps, source);
    // Behind a filter the rows that are wanted may stand anywhere.
    let limit = limit.filter(|_| !steps.iter().any(|step| matches!(step, Step::Filter(_))));
    (kept, Want { columns, clauses, limit })
}

/// The same steps without columns that no later step needs, and the columns that the first of them reads (`None` if all).
/// Projections reach the source this way.
pub(crate) fn pruned(steps: &[Step]) -> (Vec<Step>, Option<Vec<String>>) {
    let mut wanted: Option<Vec<String>> = None;
    let mut kept = Vec::with_capacity(steps.len());
    for step in steps.iter().rev() {
        match step {
            Step::Filter(expr) => {
                if let Some(columns) = &mut wanted {
                    expr.columns(columns);
                }
                kept.push(step.clone());
            }
            Step::Select(columns) => {
                let asked = |name: &String| wanted.as_ref().is_none_or(|wanted| wanted.contains(name));
                let columns: Vec<_> = columns.iter().filter(|(name, _)| asked(name)).cloned().collect();
                let mut needed = Vec::new();
                columns.iter().for_each(|(_, expr)| expr.columns(&mut needed));
                wanted = Some(needed);
                kept.push(Step::Select(columns));
            }
        }
    }
    kept.reverse();
    (kept, wanted)
}

/// What the filters say of single columns of the source, as far as it honours that.
fn clauses(steps: &[Step], source: &Source) -> Vec<Clause> {
    let mut clauses = Vec::new();
    // What the source's columns are called after the steps so far.
    let mut names: Vec<(String, String)> =
        source.meta().fields().iter().map(|field| (field.name().clone(), field.name().clone())).collect();
    let original = |names: &[(String, String)], name: &str| {
        names.iter().find(|(now, _)| now == name).map(|(_, original)| original.clone())
    };
    for step in steps {
        match step {
            Step::Filter(expr) => conjuncts(expr, &mut |column, operator, literal| {
                let Some(column) = original(&names, column) else { return };
                let Ok(field) = source.meta().field_with_name(&column) else { return };
                let Some(literal) = comparable(literal, operator, field.data_type()) else { return };
                let clause = Clause { column, operator, literal };
                if source.honours(&clause) != Honours::No {
                    clauses.push(clause);
                }
            }),
            Step::Select(columns) => {
                let renamed = columns.iter().filter_map(|(now, expr)| match bare(expr) {
                    Expr::Column(name) => Some((now.clone(), original(&names, name)?)),
                    _ => None,
                });
                names = renamed.collect();
            }
        }
    }
    clauses
}

/// Without its other names.
fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(inner, _) => bare(inner),
        other => other,
    }
}

/// Calls `f` with each comparison of a column and a literal that must be true for the condition to be.
fn conjuncts(expr: &Expr, f: &mut impl FnMut(&str, Operator, &Literal)) {
    match bare(expr) {
        Expr::And(a, b) => {
            conjuncts(a, f);
            conjuncts(b, f);
        }
        Expr::Compare(operator, a, b) => match (bare(a), bare(b)) {
            (Expr::Column(column), Expr::Literal(literal)) => f(column, *operator, literal),
            (Expr::Literal(literal), Expr::Column(column)) => f(column, mirrored(*operator), literal),
            _ => {}
        },
        Expr::Not(inner) => {
            if let Expr::Compare(operator, a, b) = bare(inner) {
                let opposite = Expr::Compare(opposite(*operator), a.clone(), b.clone());
                conjuncts(&opposite, f);
            }
        }
        _ => {}
    }
}

/// The same comparison with the sides exchanged.
fn mirrored(operator: Operator) -> Operator {
    match operator {
        Operator::Lt => Operator::Gt,
        Operator::LtEq => Operator::GtEq,
        Operator::Gt => Operator::Lt,
        Operator::GtEq => Operator::LtEq,
        other => other,
    }
}

/// What is true where `operator` is false; both are null where one of the sides is.
fn opposite(operator: Operator) -> Operator {
    match operator {
        Operator::Eq => Operator::NotEq,
        Operator::NotEq => Operator::Eq,
        Operator::Lt => Operator::GtEq,
        Operator::LtEq => Operator::Gt,
        Operator::Gt => Operator::LtEq,
        Operator::GtEq => Operator::Lt,
        Operator::IsNull => Operator::IsNotNull,
        Operator::IsNotNull => Operator::IsNull,
    }
}

/// What a column of this type is compared with, exactly; `None` where expressions compare in another way.
fn comparable(literal: &Literal, operator: Operator, of: &DataType) -> Option<Literal> {
    match (literal, operator) {
        (_, Operator::IsNull | Operator::IsNotNull) => Some(Literal::Null),
        (Literal::Int64(_), _) if of.is_integer() || of.is_decimal() => Some(literal.clone()),
        (Literal::Int64(value), _) if of.is_floating() => Some(Literal::Float64(*value as f64)),
        (Literal::Float64(_), _) if of.is_floating() => Some(literal.clone()),
        (Literal::Int64(_) | Literal::Float64(_) | Literal::Null, _) => None,
        _ => as_column(literal, of),
    }
}

/// A literal as what the column is: a text as a date, for example.
fn as_column(literal: &Literal, of: &DataType) -> Option<Literal> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let cast = arrow_cast::cast_with_options(&scalar(literal), of, &strict).ok()?;
    if cast.is_null(0) {
        return None;
    }
    let micros = |value: i64, per: i64| value.checked_mul(per).map(Literal::TimestampMicros);
    match of {
        DataType::Boolean => Some(Literal::Boolean(cast.as_boolean().value(0))),
        DataType::Utf8 => Some(Literal::Utf8(cast.as_string::<i32>().value(0).into())),
        DataType::Date32 => Some(Literal::Date32(cast.as_primitive::<Date32Type>().value(0))),
        DataType::Timestamp(TimeUnit::Second, _) => {
            micros(cast.as_primitive::<TimestampSecondType>().value(0), 1_000_000)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            micros(cast.as_primitive::<TimestampMillisecondType>().value(0), 1000)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            micros(cast.as_primitive::<TimestampMicrosecondType>().value(0), 1)
        }
        _ => None,
    }
}
