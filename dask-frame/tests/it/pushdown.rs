//! What a source is asked for, and how far it is read.

use std::sync::{Arc, Mutex};

use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{Clause, Collection, Honours, Items, Literal, Operator, PartitionSource, RunContext, TaskError, Want};
use dask_frame::array::{ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use dask_frame::schema::SchemaRef;
use dask_frame::{DataFrame, Expr, col, lit};
use dask_sched::SyncScheduler;

/// Two partitions of ten batches of two rows, and a note of all that happens.
struct Noting {
    schema: SchemaRef,
    honours: Honours,
    notes: Arc<Mutex<Notes>>,
}

#[derive(Default)]
struct Notes {
    wants: Vec<(usize, Want)>,
    batches: usize,
}

fn batch(first: i64) -> RecordBatch {
    let n: ArrayRef = Arc::new(Int64Array::from(vec![first, first + 1]));
    let x: ArrayRef = Arc::new(Float64Array::from(vec![first as f64, f64::NAN]));
    let name: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    let day: ArrayRef = Arc::new(Date32Array::from(vec![10_957, 10_958]));
    RecordBatch::try_from_iter([("n", n), ("x", x), ("name", name), ("day", day)]).unwrap()
}

impl Portable for Noting {
    fn wire_name(&self) -> &'static str {
        "test.noting"
    }
    fn encode(&self, _out: &mut Encoder) -> Result<(), WireError> {
        Err(WireError::Truncated)
    }
}

impl PartitionSource for Noting {
    type Item = RecordBatch;
    type Meta = SchemaRef;
    fn n_partitions(&self) -> usize {
        2
    }
    fn meta(&self) -> &SchemaRef {
        &self.schema
    }
    fn read(&self, partition: usize, want: &Want) -> Result<Items<RecordBatch>, TaskError> {
        self.notes.lock().unwrap().wants.push((partition, want.clone()));
        let notes = self.notes.clone();
        let names = want.columns.clone();
        Ok(Box::new((0..10).map(move |i| {
            notes.lock().unwrap().batches += 1;
            let batch = batch(20 * partition as i64 + 2 * i);
            let Some(names) = &names else { return Ok(batch) };
            let positions: Vec<usize> =
                names.iter().map(|name| batch.schema().index_of(name)).collect::<Result<_, _>>()?;
            Ok(batch.project(&positions)?)
        })))
    }
    fn honours(&self, _clause: &Clause) -> Honours {
        self.honours
    }
    fn identity(&self) -> String {
        "noting".into()
    }
}

fn noting(honours: Honours) -> (DataFrame, Arc<Mutex<Notes>>) {
    let notes = Arc::new(Mutex::new(Notes::default()));
    let source = Noting { schema: batch(0).schema(), honours, notes: notes.clone() };
    (DataFrame::from_source(Arc::new(source)), notes)
}

fn n_rows(frame: &DataFrame) -> usize {
    frame.compute_with(&SyncScheduler, &RunContext::default()).unwrap().num_rows()
}

/// The clauses of which a source hears when rows are filtered by `condition`.
fn clauses(condition: Expr) -> Vec<(String, Operator, Literal)> {
    let (frame, notes) = noting(Honours::Roughly);
    n_rows(&frame.filter(condition).unwrap());
    let notes = notes.lock().unwrap();
    notes.wants[0].1.clauses.iter().map(|c| (c.column.clone(), c.operator, c.literal.clone())).collect()
}

#[test]
fn filters_reach_the_source_as_clauses() {
    let n = |operator, literal| ("n".to_owned(), operator, Literal::Int64(literal));
    assert_eq!(clauses(col("n").gt(lit(3))), [n(Operator::Gt, 3)]);
    assert_eq!(clauses(lit(3).gt_eq(col("n"))), [n(Operator::LtEq, 3)]);
    assert_eq!(clauses(!col("n").lt(lit(3))), [n(Operator::GtEq, 3)]);
    let both = col("n").gt(lit(3)).and(col("n").alias("m").lt(lit(9)));
    assert_eq!(clauses(both), [n(Operator::Gt, 3), n(Operator::Lt, 9)]);
    let day = ("day".to_owned(), Operator::Eq, Literal::Date32(10_957));
    assert_eq!(clauses(col("day").eq(lit("2000-01-01"))), [day]);
    let missing = ("name".to_owned(), Operator::IsNotNull, Literal::Null);
    assert_eq!(clauses(!col("name").is_null()), [missing]);
    let float = ("x".to_owned(), Operator::Eq, Literal::Float64(4.0));
    assert_eq!(clauses(col("x").eq(lit(4))), [float]);
}

#[test]
fn what_a_source_could_misunderstand_is_not_asked() {
    assert_eq!(clauses(col("n").gt(lit(3)).or(col("n").is_null())), []);
    assert_eq!(clauses((col("n") + lit(1)).gt(lit(3))), []);
    assert_eq!(clauses(col("n").gt(col("x"))), []);
    // Compared as floats.
    assert_eq!(clauses(col("n").gt(lit(3.5))), []);
    let (frame, notes) = noting(Honours::No);
    assert_eq!(n_rows(&frame.filter(col("n").lt(lit(3))).unwrap()), 3);
    assert_eq!(notes.lock().unwrap().wants[0].1.clauses, []);
}

#[test]
fn filters_behind_projections_reach_the_source_under_its_own_names() {
    let (frame, notes) = noting(Honours::Roughly);
    let renamed = frame.select_exprs(&[col("n").alias("m"), (col("n") * lit(2)).alias("n")]).unwrap();
    let kept = renamed.filter(col("m").gt(lit(30)).and(col("n").gt(lit(60)))).unwrap().select(&["m"]).unwrap();
    assert_eq!(n_rows(&kept), 9);
    let notes = notes.lock().unwrap();
    let asked = Clause { column: "n".into(), operator: Operator::Gt, literal: Literal::Int64(30) };
    assert_eq!(notes.wants[0].1.clauses, [asked]);
    assert_eq!(notes.wants[0].1.columns, Some(vec!["n".to_owned()]));
}

#[test]
fn head_asks_for_a_few_rows_of_the_first_partition() {
    let (frame, notes) = noting(Honours::No);
    let head = frame.with_column("y", col("n") + lit(1)).unwrap().select(&["y"]).unwrap().head(3);
    assert_eq!(n_rows(&head), 3);
    let notes = notes.lock().unwrap();
    let want = Want { columns: Some(vec!["n".into()]), clauses: vec![], limit: Some(3) };
    assert_eq!(notes.wants, [(0, want)]);
    assert_eq!(notes.batches, 2);
}

#[test]
fn head_behind_a_filter_reads_until_it_has_its_rows() {
    let (frame, notes) = noting(Honours::No);
    assert_eq!(n_rows(&frame.filter(col("n").gt(lit(4))).unwrap().head(2)), 2);
    let notes = notes.lock().unwrap();
    assert_eq!(notes.wants.len(), 1);
    assert_eq!(notes.wants[0].1.limit, None);
    // Of 0 and 1, 2 and 3, 4 and 5, 6 and 7.
    assert_eq!(notes.batches, 4);
}

#[test]
fn heads_of_nothing_and_of_more_than_there_is() {
    let (frame, _) = noting(Honours::No);
    assert_eq!(n_rows(&frame.head(0)), 0);
    assert_eq!(n_rows(&frame.head(100)), 20);
    assert_eq!(n_rows(&frame.filter(col("n").lt(lit(0))).unwrap().head(5)), 0);
}
