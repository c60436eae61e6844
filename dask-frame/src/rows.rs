//! Row by row: the task that reads a partition, filters it and computes columns, in one pass.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema, SchemaRef};
use dask_core::wire::{Decoder, Encoder, Portable, WireError, decode_portable, encode_portable};
use dask_core::{Call, PartitionSource, TaskError, TaskFn, Value, Want};
use serde::{Deserialize, Serialize};

use crate::error::FrameError;
use crate::expr::{Expr, condition};
use crate::partition::Partition;

/// A partitioned format of record batches: what [`DataFrame::from_source`](crate::DataFrame::from_source) takes, with an
/// example.
pub type Source = Arc<dyn PartitionSource<Item = RecordBatch, Meta = SchemaRef>>;

/// What happens to every row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// Rows stay for which it is true.
    Filter(Expr),
    /// These columns, and no others.
    Select(Vec<(String, Expr)>),
}

impl Step {
    pub(crate) fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch, FrameError> {
        match self {
            Self::Filter(expr) => Ok(arrow_select::filter::filter_record_batch(batch, &condition(expr, batch)?)?),
            Self::Select(columns) => {
                let arrays = columns.iter().map(|(_, expr)| expr.eval(batch)).collect::<Result<Vec<_>, _>>()?;
                let fields: Vec<Field> = columns
                    .iter()
                    .zip(&arrays)
                    .map(|((name, _), array)| Field::new(name, array.data_type().clone(), true))
                    .collect();
                let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
                Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?)
            }
        }
    }
}

/// Applies steps to a partition.
#[derive(Serialize, Deserialize)]
pub(crate) struct Rows {
    pub(crate) steps: Vec<Step>,
}

impl TaskFn for Rows {
    fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
        let batch = call.take::<Partition>(0)?.0;
        Ok(Value::new(Partition(apply(&self.steps, batch)?)))
    }
}
dask_core::portable!(Rows as dyn TaskFn = "frame.rows");

fn apply(steps: &[Step], batch: RecordBatch) -> Result<RecordBatch, FrameError> {
    steps.iter().try_fold(batch, |batch, step| step.apply(&batch))
}

/// Reads a partition and applies steps to it: one task for every format.
pub(crate) struct ReadPartition {
    pub(crate) source: Source,
    pub(crate) want: Want,
    pub(crate) steps: Vec<Step>,
    /// No more rows than this are wanted of what the steps leave.
    pub(crate) limit: Option<usize>,
}

impl TaskFn for ReadPartition {
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        let partition = call.index()[0] as usize;
        let schema = self.expected()?;
        let (mut batches, mut missing) = (Vec::new(), self.limit.unwrap_or(usize::MAX));
        // A source without partitions makes one that is empty.
        let items = (partition < self.source.n_partitions()).then(|| self.source.read(partition, &self.want));
        for batch in items.transpose()?.into_iter().flatten() {
            let batch = batch?;
            let (found, expected) = (types(&batch.schema()), types(&schema));
            if found != expected {
                return Err(FrameError::WrongSchema { partition, found, expected }.into());
            }
            let batch = apply(&self.steps, aligned(&batch, &schema)?)?;
            batches.push(batch.slice(0, missing.min(batch.num_rows())));
            missing = missing.saturating_sub(batch.num_rows());
            if missing == 0 {
                break;
            }
        }
        let schema = match batches.first() {
            Some(first) => first.schema(),
            None => apply(&self.steps, RecordBatch::new_empty(schema))?.schema(),
        };
        Ok(Value::new(Partition(arrow_select::concat::concat_batches(&schema, &batches)?)))
    }
}

impl ReadPartition {
    /// The schema of what the source is asked for.
    fn expected(&self) -> Result<SchemaRef, FrameError> {
        let all = self.source.meta();
        let Some(columns) = &self.want.columns else { return Ok(nullable(all)) };
        let field = |column: &String| match all.field_with_name(column) {
            Ok(field) => Ok(field.clone()),
            Err(_) => Err(FrameError::unknown_column(column, all)),
        };
        Ok(nullable(&Schema::new(columns.iter().map(field).collect::<Result<Vec<_>, _>>()?)))
    }
}

/// The columns of a frame: they may all hold nulls, and nothing else is known of them than names and types.
pub(crate) fn nullable(schema: &Schema) -> SchemaRef {
    let fields: Vec<Field> = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    Arc::new(Schema::new(fields))
}

/// The columns of a batch, as they were announced: metadata and nullability do not matter.
pub(crate) fn aligned(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, FrameError> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema.clone(), batch.columns().to_vec(), &options)?)
}

fn types(schema: &Schema) -> String {
    let fields: Vec<String> =
        schema.fields().iter().map(|field| format!("{}: {}", field.name(), field.data_type())).collect();
    fields.join(", ")
}

impl Portable for ReadPartition {
    fn wire_name(&self) -> &'static str {
        "frame.read_partition"
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(&(&self.want, &self.steps, self.limit))?;
        encode_portable(&*self.source, out)
    }
}

fn decode(input: &mut Decoder<'_>) -> Result<Arc<dyn TaskFn>, WireError> {
    let (want, steps, limit) = input.serde()?;
    Ok(Arc::new(ReadPartition { source: decode_portable(input)?, want, steps, limit }))
}
dask_core::register!("frame.read_partition", |input| Ok(Box::new(decode(input)?)));
