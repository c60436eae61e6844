//! A filter or a `head` reads less, and changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{Clause, Collection, Honours, Items, PartitionSource, RunContext, TaskError, Want};
use dask_frame::array::{
    ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use dask_frame::schema::SchemaRef;
use dask_frame::{DataFrame, Expr, Source, col, lit};
use dask_io::csv::{CsvOptions, CsvSource};
use dask_io::frame::{read_csv, read_parquet, to_csv, to_hdf, to_parquet};
use dask_io::hdf5::TableSource;
use dask_io::parquet::{Compression, ParquetSource};
use dask_sched::SyncScheduler;
use proptest::prelude::*;

fn compute<C: Collection>(what: &C) -> C::Output {
    what.compute_with(&SyncScheduler, &RunContext::default()).unwrap()
}

/// Counts the rows that a source hands out.
struct Counting {
    source: Source,
    rows: Arc<AtomicUsize>,
}

impl Portable for Counting {
    fn wire_name(&self) -> &'static str {
        self.source.wire_name()
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        self.source.encode(out)
    }
}

impl PartitionSource for Counting {
    type Item = RecordBatch;
    type Meta = SchemaRef;
    fn n_partitions(&self) -> usize {
        self.source.n_partitions()
    }
    fn meta(&self) -> &SchemaRef {
        self.source.meta()
    }
    fn read(&self, partition: usize, want: &Want) -> Result<Items<RecordBatch>, TaskError> {
        let rows = self.rows.clone();
        let counted = self.source.read(partition, want)?.inspect(move |batch| {
            rows.fetch_add(batch.as_ref().map_or(0, RecordBatch::num_rows), Ordering::Relaxed);
        });
        Ok(Box::new(counted))
    }
    fn honours(&self, clause: &Clause) -> Honours {
        self.source.honours(clause)
    }
    fn identity(&self) -> String {
        self.source.identity()
    }
}

/// How many rows a computation takes from a source, and how many it gives.
fn taken(source: Source, made: impl Fn(&DataFrame) -> DataFrame) -> (usize, usize) {
    let rows = Arc::new(AtomicUsize::new(0));
    let frame = DataFrame::from_source(Arc::new(Counting { source, rows: rows.clone() }));
    let given = compute(&made(&frame)).num_rows();
    (rows.load(Ordering::Relaxed), given)
}

/// Ten partitions of ten rows, in order.
fn ordered() -> DataFrame {
    let batch = |i: i64| {
        let n: ArrayRef = Arc::new(Int64Array::from_iter_values(10 * i..10 * i + 10));
        let x: ArrayRef = Arc::new(Float64Array::from_iter_values((0..10).map(|j| (10 * i + j) as f64)));
        let day: ArrayRef = Arc::new(Date32Array::from_iter_values((0..10).map(|j| 10_957 + 10 * i as i32 + j)));
        RecordBatch::try_from_iter([("n", n), ("x", x), ("day", day)]).unwrap()
    };
    DataFrame::from_batches((0..10).map(batch).collect()).unwrap()
}

#[test]
fn parquet_passes_over_row_groups_that_a_filter_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    compute(&to_parquet(&ordered(), path, Compression::Snappy));
    let taken = |made: &dyn Fn(&DataFrame) -> DataFrame| taken(Arc::new(ParquetSource::open(path).unwrap()), made);
    assert_eq!(taken(&Clone::clone), (100, 100));
    assert_eq!(taken(&|frame| frame.filter(col("n").gt_eq(lit(95))).unwrap()), (10, 5));
    let between = col("n").gt_eq(lit(38)).and(lit(42).gt(col("n")));
    assert_eq!(taken(&|frame| frame.filter(between.clone()).unwrap().select(&["x"]).unwrap()), (20, 4));
    assert_eq!(taken(&|frame| frame.filter(col("day").lt(lit("2000-01-03"))).unwrap()), (10, 2));
    let renamed = [col("n").alias("m"), col("x")];
    let late = |frame: &DataFrame| frame.select_exprs(&renamed).unwrap().filter(col("m").lt(lit(3))).unwrap();
    assert_eq!(taken(&late), (10, 3));
    assert_eq!(taken(&|frame| frame.filter(col("n").is_null()).unwrap()), (0, 0));
    assert_eq!(taken(&|frame| frame.head(3)), (3, 3));
    // What statistics cannot tell is read.
    assert_eq!(taken(&|frame| frame.filter(col("x").gt(lit(95))).unwrap()), (100, 4));
}

#[test]
fn head_of_csv_parses_no_more_rows_than_it_gives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let rows: String = (0..200_000).map(|i| format!("{i},{i}\n")).collect();
    std::fs::write(&path, format!("x,y\n{rows}no number,1\n")).unwrap();
    let path = path.to_str().unwrap();
    let source = || Arc::new(CsvSource::open(path, CsvOptions::default()).unwrap());
    assert_eq!(taken(source(), |frame| frame.head(7)), (7, 7));
    assert_eq!(taken(source(), |frame| frame.head(0)), (0, 0));
    let sums = |frame: &DataFrame| frame.with_column("sum", col("x") + col("y")).unwrap().select(&["sum"]).unwrap();
    assert_eq!(taken(source(), |frame| sums(frame).head(5)), (5, 5));
    // The whole partition ends in a row that cannot be read.
    let whole = read_csv(path, CsvOptions::default()).unwrap();
    assert!(whole.compute_with(&SyncScheduler, &RunContext::default()).is_err());
}

#[test]
fn head_of_hdf5_reads_no_more_rows_than_it_gives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5");
    let path = path.to_str().unwrap();
    compute(&to_hdf(&ordered(), path, "data").unwrap());
    let source = Arc::new(TableSource::open(path, "data", 40).unwrap());
    assert_eq!(taken(source, |frame| frame.head(7)), (7, 7));
}

type Row = (Option<i64>, Option<f64>, Option<String>, Option<i32>);

fn batch(rows: &[Row]) -> RecordBatch {
    let n: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>());
    let x: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<Float64Array>());
    let name: ArrayRef = Arc::new(rows.iter().map(|row| row.2.as_deref()).collect::<StringArray>());
    let day: ArrayRef = Arc::new(rows.iter().map(|row| row.3).collect::<Date32Array>());
    let micros = rows.iter().map(|row| row.3.map(|day| i64::from(day) * 86_400_000_000));
    let at: ArrayRef = Arc::new(micros.collect::<TimestampMicrosecondArray>());
    let columns = [("n", n, true), ("x", x, true), ("name", name, true), ("day", day, true), ("at", at, true)];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn row() -> impl Strategy<Value = Row> {
    (
        proptest::option::weighted(0.8, -9i64..10),
        proptest::option::weighted(0.8, prop_oneof![(-3i32..4).prop_map(f64::from), Just(f64::NAN), Just(-0.0)]),
        proptest::option::weighted(0.8, "[a-c]{0,2}"),
        proptest::option::weighted(0.8, 10_957i32..10_966),
    )
}

fn condition() -> impl Strategy<Value = Expr> {
    let operand = prop_oneof![
        (-9i64..10).prop_map(|n| (col("n"), lit(n))),
        (-3i64..4).prop_map(|n| (col("x"), lit(n))),
        (-3i32..4).prop_map(|n| (col("n"), lit(f64::from(n) + 0.5))),
        prop_oneof![(-3i32..4).prop_map(f64::from), Just(f64::NAN), Just(-0.0)].prop_map(|x| (col("x"), lit(x))),
        "[a-c]{0,2}".prop_map(|text| (col("name"), lit(text.as_str()))),
        (1u8..10).prop_map(|day| (col("day"), lit(format!("2000-01-0{day}").as_str()))),
        (1u8..10).prop_map(|day| (col("at"), lit(format!("2000-01-0{day} 12:00:00").as_str()))),
    ];
    let comparison = (operand, 0..10u8).prop_map(|((column, literal), operator)| match operator {
        0 => column.gt(literal),
        1 => column.gt_eq(literal),
        2 => column.lt(literal),
        3 => column.lt_eq(literal),
        4 => column.eq(literal),
        5 => column.not_eq(literal),
        6 => column.is_null(),
        7 => column.is_not_null(),
        8 => literal.lt(column),
        _ => literal.gt_eq(column),
    });
    comparison.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| a.and(b)),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| a.or(b)),
            inner.prop_map(|a| !a),
        ]
    })
}

/// Through text, so that what is not a number is equal to itself.
fn text(frame: &DataFrame) -> String {
    format!("{:?}", compute(frame))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn filtered_with_pushdown_is_filtered_without(
        partitions in proptest::collection::vec(proptest::collection::vec(row(), 0..6), 1..6),
        conditions in proptest::collection::vec(condition(), 8),
        n in 0usize..8,
    ) {
        let memory = DataFrame::from_batches(partitions.iter().map(|rows| batch(rows)).collect()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (parquet, csv) = (folder.path().join("parquet"), folder.path().join("csv"));
        let (parquet, csv) = (parquet.to_str().unwrap(), csv.to_str().unwrap());
        compute(&to_parquet(&memory, parquet, Compression::None));
        let stored = read_parquet(parquet).unwrap();
        let names = [col("x"), col("n").alias("m"), col("name").alias("n")];
        for condition in conditions {
            let filtered = |frame: &DataFrame| frame.filter(condition.clone()).unwrap();
            prop_assert_eq!(text(&filtered(&stored)), text(&filtered(&memory)), "{}", condition);
            let twice = |frame: &DataFrame| {
                let renamed = filtered(frame).select_exprs(&names).unwrap();
                renamed.filter(col("m").lt(lit(3)).and(col("n").gt_eq(lit("b")))).unwrap()
            };
            prop_assert_eq!(text(&twice(&stored)), text(&twice(&memory)), "{}", condition);
            // Row groups are partitions there, but for a table of no rows.
            if !partitions[0].is_empty() {
                prop_assert_eq!(text(&filtered(&stored).head(n)), text(&filtered(&memory).head(n)), "{}", condition);
            }
        }
        compute(&to_csv(&memory, csv));
        let stored = read_csv(&format!("{csv}/*.csv"), CsvOptions::default()).unwrap();
        let first = compute(&stored).slice(0, n.min(partitions[0].len()));
        prop_assert_eq!(format!("{:?}", compute(&stored.head(n))), format!("{first:?}"));
    }
}
