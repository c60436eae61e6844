//! DataFrame: a lazy, partitioned table.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use dask_core::layer::{BlockInput, Blockwise, Materialized};
use dask_core::{Collection, LayerRef, Name, Result, Token, Value};

use crate::aggregate::Aggregate;
use crate::error::FrameError;
use crate::expr::{Expr, col};
use crate::group_by::GroupBy;
use crate::partition::Partition;
use crate::pushdown::{pruned, pushed};
use crate::rows::{ReadPartition, Rows, Source, Step, aligned, nullable};

/// Where the rows come from.
#[derive(Clone)]
enum Origin {
    Source(Source),
    Layer(LayerRef),
}

/// A lazy, partitioned table. Filters and columns are collected until it is computed, so that a source is asked for the
/// columns that are used and nothing else, and can pass over rows that a filter would leave out.
///
/// ```
#[doc = include_str!("example.txt")]
/// // name, amount: a 1, b 2, a 30, c null
/// use dask_frame::schema::DataType;
/// assert_eq!((frame.columns(), frame.n_partitions()), (vec!["name", "amount"], 2));
/// assert_eq!(frame.schema().field(1).data_type(), &DataType::Int64);
/// assert_eq!(format!("{frame:?}"), r#"DataFrame(["name", "amount"], 2 partitions)"#);
/// let large = frame.filter(col("amount").gt(lit(1)))?.select(&["name"])?;
/// assert_eq!(large.compute()?["name"].as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["b", "a"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct DataFrame {
    origin: Origin,
    steps: Vec<Step>,
    schema: SchemaRef,
}

impl DataFrame {
    fn new(origin: Origin, schema: &Schema) -> Self {
        #[cfg(feature = "threads")]
        dask_sched::install();
        Self { origin, steps: Vec::new(), schema: nullable(schema) }
    }

    /// A frame that is read where it is used.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use dask_core::wire::{Encoder, Portable, WireError};
    /// use dask_core::{Collection, Items, PartitionSource, TaskError, Want};
    /// use dask_frame::array::{ArrayRef, Int64Array, RecordBatch, cast::AsArray, types::Int64Type};
    /// use dask_frame::schema::{DataType, Field, Schema, SchemaRef};
    /// use dask_frame::{DataFrame, col};
    ///
    /// /// A partition of two rows for each number below 3, made instead of read.
    /// struct Numbers(SchemaRef);
    /// # impl Portable for Numbers {
    /// #     fn wire_name(&self) -> &'static str { "example.numbers" }
    /// #     fn encode(&self, _out: &mut Encoder) -> Result<(), WireError> { Ok(()) }
    /// # }
    /// impl PartitionSource for Numbers {
    ///     type Item = RecordBatch;
    ///     type Meta = SchemaRef;
    ///     fn n_partitions(&self) -> usize {
    ///         3
    ///     }
    ///     fn meta(&self) -> &SchemaRef {
    ///         &self.0
    ///     }
    ///     fn read(&self, partition: usize, _want: &Want) -> Result<Items<RecordBatch>, TaskError> {
    ///         let n: ArrayRef = Arc::new(Int64Array::from(vec![partition as i64; 2]));
    ///         Ok(Box::new(std::iter::once(Ok(RecordBatch::try_from_iter([("n", n)])?))))
    ///     }
    ///     fn identity(&self) -> String {
    ///         "numbers below 3".into()
    ///     }
    /// }
    /// let schema = Schema::new(vec![Field::new("n", DataType::Int64, true)]);
    /// let frame = DataFrame::from_source(Arc::new(Numbers(Arc::new(schema))));
    /// let sum = frame.agg(&[col("n").sum()])?.compute()?;
    /// assert_eq!(sum["n"].as_primitive::<Int64Type>().values(), &[6]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_source(source: Source) -> Self {
        let schema = source.meta().clone();
        Self::new(Origin::Source(source), &schema)
    }

    /// A frame of batches that are in memory, one a partition. It is named after their content
    /// ([`Value::content_token`]): equal frames share keys.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use dask_core::Collection;
    /// use dask_frame::DataFrame;
    /// use dask_frame::array::{ArrayRef, Int64Array, RecordBatch};
    ///
    /// let batch = |numbers: Vec<i64>| {
    ///     let n: ArrayRef = Arc::new(Int64Array::from(numbers));
    ///     RecordBatch::try_from_iter([("n", n)])
    /// };
    /// let frame = DataFrame::from_batches(vec![batch(vec![1, 2])?, batch(vec![3])?])?;
    /// assert_eq!((frame.n_partitions(), frame.columns()), (2, vec!["n"]));
    /// assert_eq!(frame.compute()?.num_rows(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`FrameError::NoBatches`], [`FrameError::WrongSchema`] for a batch that differs from the first,
    /// [`FrameError::DuplicateColumn`].
    pub fn from_batches(batches: Vec<RecordBatch>) -> Result<Self, FrameError> {
        let schema = batches.first().ok_or(FrameError::NoBatches)?.schema();
        FrameError::unless_distinct(schema.fields().iter().map(|field| field.name().as_str()))?;
        for (partition, batch) in batches.iter().enumerate() {
            if batch.schema().fields() != schema.fields() {
                let (found, expected) = (format!("{:?}", batch.schema().fields()), format!("{:?}", schema.fields()));
                return Err(FrameError::WrongSchema { partition, found, expected });
            }
        }
        let announced = nullable(&schema);
        let batches =
            batches.into_iter().map(|batch| aligned(&batch, &announced)).collect::<Result<Vec<_>, FrameError>>()?;
        let n = batches.len() as u32;
        let partitions: Vec<Value> = batches.into_iter().map(|batch| Value::new(Partition(batch))).collect();
        let content: Vec<Token> = partitions.iter().map(Value::content_token).collect();
        let layer = Materialized::values(Name::tokened("from_batches", Token::of(&content)), &[n], partitions);
        Ok(Self::new(Origin::Layer(layer), &schema))
    }

    /// A frame of the blocks of a layer, which must be [`Partition`]s of this schema.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// use dask_core::{Name, Value, layer::Materialized};
    /// use dask_frame::Partition;
    /// # let batch = batch(["a", "b"], [Some(1), None])?;
    /// let schema = batch.schema();
    /// let layer = Materialized::values(Name::new("mine"), &[1], [Value::new(Partition(batch))]);
    /// assert_eq!(DataFrame::from_layer(layer, &schema).compute()?.num_rows(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_layer(layer: LayerRef, schema: &Schema) -> Self {
        Self::new(Origin::Layer(layer), schema)
    }

    /// Its columns and their types.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The names of its columns.
    pub fn columns(&self) -> Vec<&str> {
        self.schema.fields().iter().map(|field| field.name().as_str()).collect()
    }

    /// How many partitions it has.
    pub fn n_partitions(&self) -> usize {
        match &self.origin {
            Origin::Source(source) => n_partitions(source),
            Origin::Layer(layer) => layer.layer().n_tasks() as usize,
        }
    }

    fn with_step(&self, step: Step) -> Result<Self, FrameError> {
        if let Step::Select(columns) = &step {
            FrameError::unless_distinct(columns.iter().map(|(name, _)| name.as_str()))?;
        }
        let schema = step.apply(&RecordBatch::new_empty(self.schema.clone()))?.schema();
        let mut frame = self.clone();
        frame.steps.push(step);
        frame.schema = schema;
        Ok(frame)
    }

    /// The rows for which a condition is true.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let large = frame.filter(col("amount").gt(lit(1)).and(col("name").not_eq(lit("b"))))?.compute()?;
    /// assert_eq!(large["amount"].as_primitive::<Int64Type>().values(), &[30]);
    /// let error = frame.filter(col("nmae").eq(lit("a"))).unwrap_err().to_string();
    /// assert!(error.contains("did you mean \"name\"?"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`FrameError::UnknownColumn`], [`FrameError::NotACondition`], [`FrameError::BadExpression`].
    pub fn filter(&self, condition: Expr) -> Result<Self, FrameError> {
        self.with_step(Step::Filter(condition))
    }

    /// These columns, and no others.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// assert_eq!(frame.select(&["amount"])?.columns(), ["amount"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`FrameError::UnknownColumn`], [`FrameError::DuplicateColumn`].
    pub fn select(&self, columns: &[&str]) -> Result<Self, FrameError> {
        self.select_exprs(&columns.iter().map(|&name| col(name)).collect::<Vec<_>>())
    }

    /// A column an expression, and no others.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let made = frame.select_exprs(&[col("name"), (col("amount") * lit(100)).alias("cents")])?;
    /// assert_eq!(made.columns(), ["name", "cents"]);
    /// let cents = made.compute()?;
    /// assert_eq!(cents["cents"].as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(100), Some(200), Some(3000), None]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`FrameError::UnknownColumn`], [`FrameError::DuplicateColumn`], [`FrameError::BadExpression`].
    pub fn select_exprs(&self, exprs: &[Expr]) -> Result<Self, FrameError> {
        self.with_step(Step::Select(exprs.iter().map(|expr| (expr.name(), expr.clone())).collect()))
    }

    /// All columns, and one more; or one of them with other values.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let made = frame.with_column("is_large", col("amount").gt(lit(1)))?;
    /// assert_eq!(made.columns(), ["name", "amount", "is_large"]);
    /// let found = made.compute()?;
    /// assert_eq!(found["is_large"].as_boolean().iter().collect::<Vec<_>>(), [Some(false), Some(true), Some(true), None]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`FrameError::UnknownColumn`], [`FrameError::BadExpression`].
    pub fn with_column(&self, name: &str, expr: Expr) -> Result<Self, FrameError> {
        let mut columns: Vec<(String, Expr)> = self.columns().into_iter().map(|c| (c.to_owned(), col(c))).collect();
        match columns.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = expr,
            None => columns.push((name.to_owned(), expr)),
        }
        self.with_step(Step::Select(columns))
    }

    /// Groups of rows that are equal in some columns.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let totals = frame.group_by(&["name"]).agg(&[col("amount").sum(), col("amount").count().alias("n")])?.compute()?;
    /// assert_eq!(totals["name"].as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["a", "b", "c"]);
    /// assert_eq!(totals["amount"].as_primitive::<Int64Type>().values(), &[31, 2, 0]);
    /// assert_eq!(totals["n"].as_primitive::<Int64Type>().values(), &[2, 1, 0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn group_by(&self, keys: &[&str]) -> GroupBy<'_> {
        GroupBy::new(self, keys)
    }

    /// Aggregates over all rows, as one row.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let whole = frame.agg(&[col("amount").min(), col("amount").max().alias("most")])?.compute()?;
    /// assert_eq!(whole["amount"].as_primitive::<Int64Type>().values(), &[1]);
    /// assert_eq!(whole["most"].as_primitive::<Int64Type>().values(), &[30]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`GroupBy::agg`].
    pub fn agg(&self, aggregates: &[Aggregate]) -> Result<Self, FrameError> {
        self.group_by(&[]).agg(aggregates)
    }

    /// The first `n` rows of the first partition, or fewer if it holds fewer; only that partition is computed. A source
    /// is asked for no more rows than that, and is read no further than to the last of them.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let head = frame.head(1).compute()?;
    /// assert_eq!(head["name"].as_string::<i32>().value(0), "a");
    /// // The first partition has two rows.
    /// assert_eq!(frame.head(10).compute()?.num_rows(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn head(&self, n: usize) -> Self {
        if let Origin::Source(source) = &self.origin {
            return Self::new(Origin::Layer(self.read(source, 1, Some(n))), &self.schema);
        }
        let layer = self.layer();
        let token = Token::of(&("head", layer.name(), n));
        let input = BlockInput {
            name: layer.name().clone(),
            shape: layer.layer().shape().into(),
            axes: [dask_core::layer::Axis::At(0)].into_iter().collect(),
        };
        let head = Blockwise::new(Name::tokened("head", token), &[1], vec![input], Arc::new(Head { n }));
        Self::new(Origin::Layer(LayerRef::new(head, vec![layer])), &self.schema)
    }

    /// The layer of its partitions: one task each, which reads, filters and computes columns.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let large = frame.filter(col("amount").gt(lit(1)))?.select(&["name"])?;
    /// // Both steps are one layer, on top of the batches.
    /// let layer = large.layer();
    /// assert_eq!((layer.layer().n_tasks(), layer.inputs()[0].name()), (2, frame.layer().name()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn layer(&self) -> LayerRef {
        match &self.origin {
            Origin::Layer(layer) if self.steps.is_empty() => layer.clone(),
            Origin::Layer(layer) => {
                let token = Token::of(&("rows", layer.name(), format!("{:?}", self.steps)));
                let shape = layer.layer().shape();
                let input = BlockInput::aligned(layer.name().clone(), shape);
                let rows = Arc::new(Rows { steps: pruned(&self.steps).0 });
                LayerRef::new(
                    Blockwise::new(Name::tokened("rows", token), shape, vec![input], rows),
                    vec![layer.clone()],
                )
            }
            Origin::Source(source) => self.read(source, n_partitions(source), None),
        }
    }

    /// A task each for the first `n` partitions of a source, which leaves no more than `limit` rows.
    fn read(&self, source: &Source, n: usize, limit: Option<usize>) -> LayerRef {
        let (steps, want) = pushed(&self.steps, source, limit);
        let what = format!("{want:?} {steps:?} {limit:?}");
        let token = Token::of(&(source.wire_name(), source.identity(), what));
        let read = ReadPartition { source: source.clone(), want, steps, limit };
        let layer = Blockwise::new(Name::tokened("read", token), &[n as u32], vec![], Arc::new(read));
        LayerRef::new(layer, vec![])
    }
}

/// How many partitions a frame of a source has: one at least, which is empty if the source has none.
fn n_partitions(source: &Source) -> usize {
    source.n_partitions().max(1)
}

/// The first rows of a partition.
#[derive(serde::Serialize, serde::Deserialize)]
struct Head {
    n: usize,
}

impl dask_core::TaskFn for Head {
    fn run(&self, call: dask_core::Call<'_>) -> std::result::Result<Value, dask_core::TaskError> {
        let batch = &call.get::<Partition>(0)?.0;
        Ok(Value::new(Partition(batch.slice(0, self.n.min(batch.num_rows())))))
    }
}
dask_core::portable!(Head as dyn dask_core::TaskFn = "frame.head");

impl std::fmt::Debug for DataFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DataFrame({:?}, {} partitions)", self.columns(), self.n_partitions())
    }
}

impl Collection for DataFrame {
    type Output = RecordBatch;

    fn layers(&self) -> Vec<LayerRef> {
        vec![self.layer()]
    }

    fn assemble(&self, values: Vec<Value>) -> Result<RecordBatch> {
        let mut batches = Vec::with_capacity(values.len());
        for value in values {
            batches.push(value.take::<Partition>()?.0);
        }
        let schema = batches.first().map_or_else(|| self.schema.clone(), RecordBatch::schema);
        arrow_select::concat::concat_batches(&schema, &batches).map_err(|error| FrameError::Arrow(error).into())
    }

    fn with_layers(&self, layers: Vec<LayerRef>) -> Self {
        match layers.into_iter().next() {
            Some(layer) => Self::new(Origin::Layer(layer), &self.schema),
            None => self.clone(),
        }
    }
}
