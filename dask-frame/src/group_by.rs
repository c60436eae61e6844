//! Groups: a partial table a partition, merged by trees, sorted by the keys.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{DataType, Field, Schema};
use dask_core::layer::{BlockInput, Blockwise, Reduce};
use dask_core::{Call, LayerRef, Name, TaskError, TaskFn, Token, Value};
use serde::{Deserialize, Serialize};

use crate::aggregate::Aggregate;
use crate::error::FrameError;
use crate::frame::DataFrame;
use crate::partition::Partition;

/// Partial tables merged at a time.
const SPLIT_EVERY: u32 = 8;

/// Rows grouped by columns.
///
/// ```
#[doc = include_str!("example.txt")]
/// // name, amount: a 1, b 2, a 30, c null
/// let by_name = frame.group_by(&["name"]);
/// let counts = by_name.agg(&[col("amount").count()])?.compute()?;
/// assert_eq!(counts["amount"].as_primitive::<Int64Type>().values(), &[2, 1, 0]);
/// assert_eq!(by_name.agg(&[])?.columns(), ["name"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct GroupBy<'a> {
    frame: &'a DataFrame,
    keys: Vec<String>,
}

impl<'a> GroupBy<'a> {
    pub(crate) fn new(frame: &'a DataFrame, keys: &[&str]) -> Self {
        Self { frame, keys: keys.iter().map(|&key| key.to_owned()).collect() }
    }

    /// One row a group, sorted by the keys: the keys, and one column an aggregate. Rows with a null key are left out.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // name, amount: a 1, b 2, a 30, c null
    /// let means = frame.group_by(&["name"]).agg(&[col("amount").mean()])?.compute()?;
    /// assert_eq!(means["amount"].as_primitive::<Float64Type>().iter().collect::<Vec<_>>(), [Some(15.5), Some(2.0), None]);
    /// // Two columns of one name are refused, with the way out.
    /// let both = frame.group_by(&["name"]).agg(&[col("amount").min(), col("amount").max()]);
    /// assert!(both.unwrap_err().to_string().contains(".alias("));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`FrameError::UnknownColumn`], [`FrameError::BadAggregation`], [`FrameError::BadExpression`];
    /// [`FrameError::DuplicateColumn`], which [`Aggregate::alias`] resolves. Computing it fails on a sum of decimals that
    /// has too many digits ([`FrameError::SumTooLarge`]).
    pub fn agg(&self, aggregates: &[Aggregate]) -> Result<DataFrame, FrameError> {
        let schema = self.frame.schema();
        for key in &self.keys {
            schema.field_with_name(key).map_err(|_| FrameError::unknown_column(key, schema))?;
        }
        for aggregate in aggregates {
            aggregate.check(&aggregate.expr.dtype(schema)?)?;
        }
        let names = self.keys.iter().chain(aggregates.iter().map(|aggregate| &aggregate.name));
        FrameError::unless_distinct(names.map(String::as_str))?;
        let table = GroupTable { keys: self.keys.clone(), aggregates: aggregates.to_vec() };
        let empty = table.finish(&table.start(&RecordBatch::new_empty(schema.clone()))?)?;
        // Only the columns that are used are computed.
        let mut used = self.keys.clone();
        aggregates.iter().for_each(|aggregate| aggregate.expr.columns(&mut used));
        let used: Vec<&str> = used.iter().map(String::as_str).collect();
        let rows = if used.is_empty() { self.frame.clone() } else { self.frame.select(&used)? };

        let rows = rows.layer();
        let what = if self.keys.is_empty() { "agg" } else { "group_by" };
        let name = |stage: &str, of: &Name| Name::tokened(what, Token::of(&(stage, of, format!("{table:?}"))));
        let shape = rows.layer().shape();
        let start = Arc::new(Start(table.clone()));
        let input = BlockInput::aligned(rows.name().clone(), shape);
        let first = Blockwise::new(name("start", rows.name()), shape, vec![input], start);
        let mut level = LayerRef::new(first, vec![rows]);
        loop {
            let last = level.layer().shape()[0] <= SPLIT_EVERY;
            let merge = Arc::new(Merge { table: table.clone(), last });
            let group = [if last { level.layer().shape()[0] } else { SPLIT_EVERY }];
            let merged =
                Reduce::new(name("merge", level.name()), level.name().clone(), level.layer().shape(), &group, merge);
            level = LayerRef::new(merged, vec![level]);
            if last {
                return Ok(DataFrame::from_layer(level, &empty.schema()));
            }
        }
    }
}

/// The keys and the aggregates: what a partial table is made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct GroupTable {
    keys: Vec<String>,
    aggregates: Vec<Aggregate>,
}

#[derive(Serialize, Deserialize)]
struct Start(GroupTable);

impl TaskFn for Start {
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        Ok(Value::new(Partition(self.0.start(&call.get::<Partition>(0)?.0)?)))
    }
}
dask_core::portable!(Start as dyn TaskFn = "frame.group_by.start");

#[derive(Serialize, Deserialize)]
struct Merge {
    table: GroupTable,
    last: bool,
}

impl TaskFn for Merge {
    fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
        let mut parts = Vec::with_capacity(call.n_inputs());
        for part in call.drain() {
            parts.push(part.take::<Partition>()?.0);
        }
        let merged = self.table.merge(&parts)?;
        Ok(Value::new(Partition(if self.last { self.table.finish(&merged)? } else { merged })))
    }
}
dask_core::portable!(Merge as dyn TaskFn = "frame.group_by.merge");

impl GroupTable {
    /// The partial table of rows: keys, then states.
    fn start(&self, batch: &RecordBatch) -> Result<RecordBatch, FrameError> {
        let batch = self.without_null_keys(batch)?;
        let keys: Vec<ArrayRef> = self
            .keys
            .iter()
            .map(|key| {
                batch.column_by_name(key).cloned().ok_or_else(|| FrameError::unknown_column(key, &batch.schema()))
            })
            .collect::<Result<_, _>>()?;
        let groups = Groups::find(&keys, batch.num_rows())?;
        let mut states = Vec::new();
        for aggregate in &self.aggregates {
            states.extend(aggregate.start(&aggregate.expr.eval(&batch)?, &groups.group_of, groups.n_groups)?);
        }
        self.table(groups.take(&keys)?, states, groups.n_groups)
    }

    fn without_null_keys(&self, batch: &RecordBatch) -> Result<RecordBatch, FrameError> {
        let mut batch = batch.clone();
        for key in &self.keys {
            let nulls = batch.column_by_name(key).filter(|column| column.null_count() > 0).cloned();
            if let Some(column) = nulls {
                let valid = arrow_arith::boolean::is_not_null(&column)?;
                batch = arrow_select::filter::filter_record_batch(&batch, &valid)?;
            }
        }
        Ok(batch)
    }

    /// One partial table of several.
    fn merge(&self, parts: &[RecordBatch]) -> Result<RecordBatch, FrameError> {
        let Some(first) = parts.first() else { return Err(FrameError::NoBatches) };
        let batch = arrow_select::concat::concat_batches(&first.schema(), parts)?;
        let (keys, states) = batch.columns().split_at(self.keys.len());
        let groups = Groups::find(keys, batch.num_rows())?;
        let (mut merged, mut at) = (Vec::new(), 0);
        for aggregate in &self.aggregates {
            let n = aggregate.n_states();
            merged.extend(aggregate.merge(&states[at..at + n], &groups.group_of, groups.n_groups)?);
            at += n;
        }
        self.table(groups.take(keys)?, merged, groups.n_groups)
    }

    fn table(&self, keys: Vec<ArrayRef>, states: Vec<ArrayRef>, n_groups: usize) -> Result<RecordBatch, FrameError> {
        let names = self.keys.iter().cloned().chain((0..states.len()).map(|i| format!("state {i}")));
        let columns: Vec<ArrayRef> = keys.into_iter().chain(states).collect();
        batch(names, columns, n_groups)
    }

    /// The result, sorted by the keys.
    fn finish(&self, table: &RecordBatch) -> Result<RecordBatch, FrameError> {
        let (keys, states) = table.columns().split_at(self.keys.len());
        let (mut columns, mut at) = (keys.to_vec(), 0);
        for aggregate in &self.aggregates {
            let n = aggregate.n_states();
            columns.push(aggregate.finish(&states[at..at + n])?);
            at += n;
        }
        if !keys.is_empty() {
            let sort: Vec<_> =
                keys.iter().map(|key| arrow_ord::sort::SortColumn { values: key.clone(), options: None }).collect();
            let order = arrow_ord::sort::lexsort_to_indices(&sort, None)?;
            for column in &mut columns {
                *column = arrow_select::take::take(column, &order, None)?;
            }
        }
        let names = self.keys.iter().cloned().chain(self.aggregates.iter().map(|aggregate| aggregate.name.clone()));
        batch(names, columns, table.num_rows())
    }
}

fn batch(names: impl Iterator<Item = String>, columns: Vec<ArrayRef>, n: usize) -> Result<RecordBatch, FrameError> {
    let fields: Vec<Field> =
        names.zip(&columns).map(|(name, column)| Field::new(name, column.data_type().clone(), true)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(n));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?)
}

/// To which group each row belongs; groups are numbered as they are first seen.
struct Groups {
    group_of: Vec<u32>,
    n_groups: usize,
    /// The first row of each group.
    first: Vec<u32>,
}

impl Groups {
    fn find(keys: &[ArrayRef], n_rows: usize) -> Result<Self, FrameError> {
        match keys {
            // Without keys there is one group, even of no rows.
            [] => Ok(Self { group_of: vec![0; n_rows], n_groups: 1, first: Vec::new() }),
            [key] if *key.data_type() == DataType::Int64 && key.null_count() == 0 => {
                Ok(Self::of(key.as_primitive::<Int64Type>().values().iter().copied()))
            }
            _ => {
                let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
                let rows = RowConverter::new(fields)?.convert_columns(keys)?;
                Ok(Self::of(rows.iter()))
            }
        }
    }

    fn of<K: std::hash::Hash + Eq>(keys: impl Iterator<Item = K>) -> Self {
        let mut known: HashMap<K, u32, foldhash::fast::FixedState> = HashMap::default();
        let (mut group_of, mut first) = (Vec::with_capacity(keys.size_hint().0), Vec::new());
        for (row, key) in keys.enumerate() {
            let group = *known.entry(key).or_insert_with(|| {
                first.push(row as u32);
                first.len() as u32 - 1
            });
            group_of.push(group);
        }
        Self { group_of, n_groups: first.len(), first }
    }

    /// The keys of the groups.
    fn take(&self, keys: &[ArrayRef]) -> Result<Vec<ArrayRef>, FrameError> {
        let rows = UInt32Array::from(self.first.clone());
        keys.iter().map(|key| Ok(arrow_select::take::take(key, &rows, None)?)).collect()
    }
}
