//! Bags of JSON values, one a line.

use std::sync::Arc;

use dask_bag::Bag;
use dask_core::delayed::Closure;
use dask_core::layer::{BlockInput, Blockwise, Materialized};
use dask_core::{Call, Data, Delayed, LayerRef, Name, PartitionSource, TaskError, Token, Value};
use serde::de::DeserializeOwned;

use crate::error::IoError;
use crate::json_lines::{BadLine, JsonLinesSource, OnError};

/// The JSON values of the files that a pattern names, one a line, as any type.
///
/// ```
/// use dask_core::Collection;
/// use dask_io::{bag::read_json_lines, json_lines::OnError};
///
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Person {
///     name: String,
///     age: u32,
/// }
/// dask_core::data!(Person);
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("people.json");
/// let path = path.to_str().ok_or("not UTF-8")?;
/// std::fs::write(path, r#"{"name": "Ada", "age": 36}
/// {"name": "Alan", "age": 41}
/// "#)?;
/// let people = read_json_lines::<Person>(path, None, OnError::Raise)?;
/// # let (scheduler, context) = (dask_sched::SyncScheduler, dask_core::RunContext::default());
/// assert_eq!(people.map(|person| person.age).sum().compute_with(&scheduler, &context)?, 77);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`JsonLinesSource::open`]; computing fails with file and line of what does not parse, unless it is skipped.
pub fn read_json_lines<T>(pattern: &str, blocksize: Option<u64>, on_error: OnError) -> Result<Bag<T>, IoError>
where
    T: Data + Clone + DeserializeOwned,
{
    let source = JsonLinesSource::open(pattern, blocksize, on_error)?;
    Ok(read("read_json_lines", source, |source, partition| source.parse::<T>(partition)?.collect()))
}

/// The JSON values of the files that a pattern names, and the lines that are none: a bag of each, of one reading.
///
/// ```
/// use dask_core::{Collection, data};
/// use dask_io::bag::read_json_lines_or_collect;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("numbers.json");
/// std::fs::write(&path, "1\n2\nthree\n")?;
/// let (numbers, bad) = read_json_lines_or_collect::<i64>(&path.to_string_lossy(), None)?;
/// # let (scheduler, context) = (dask_sched::SyncScheduler, dask_core::RunContext::default());
/// assert_eq!(numbers.compute_with(&scheduler, &context)?, [1, 2]);
/// let bad = bad.compute_with(&scheduler, &context)?;
/// assert!(bad[0].at.ends_with("numbers.json:3"));
/// assert_eq!(bad[0].text, "three");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`JsonLinesSource::open`].
pub fn read_json_lines_or_collect<T>(pattern: &str, blocksize: Option<u64>) -> Result<(Bag<T>, Bag<BadLine>), IoError>
where
    T: Data + Clone + DeserializeOwned,
{
    let source = JsonLinesSource::open(pattern, blocksize, OnError::Raise)?;
    let lines: Bag<(Option<T>, Option<BadLine>)> = read("read_json_lines_or_collect", source, |source, partition| {
        let line = |line: Result<T, BadLine>| match line {
            Ok(value) => (Some(value), None),
            Err(bad) => (None, Some(bad)),
        };
        source.parse_or_collect::<T>(partition)?.map(|found| found.map(line)).collect()
    });
    Ok((lines.pluck(|line| line.0), lines.pluck(|line| line.1)))
}

/// A layer with one task a partition of a source.
fn read<U, F>(what: &'static str, source: JsonLinesSource, f: F) -> Bag<U>
where
    U: Data + Clone,
    F: Fn(&JsonLinesSource, usize) -> Result<Vec<U>, TaskError> + Copy + Send + Sync + 'static,
{
    let token = Token::of(&(what, source.identity(), std::any::type_name::<U>()));
    let n = source.n_partitions() as u32;
    let state = Materialized::values(Name::tokened("files", token), &[], [Value::new(Files(source))]);
    let read = Closure::new(what, move |call: &mut Call<'_>| {
        let partition = call.index()[0] as usize;
        Ok(Value::new(f(&call.get::<Files>(0)?.0, partition)?))
    });
    let input = BlockInput::all(state.name().clone(), &[]);
    let layer = Blockwise::new(read.layer_name(&token), &[n], vec![input], Arc::new(read)).with_source(true);
    Bag::from_layer(LayerRef::new(layer, vec![state]))
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Files(JsonLinesSource);
dask_core::data!(Files);

/// Writes a bag as files with a JSON value a line; see [`to_textfiles`](super::to_textfiles).
///
/// ```
/// use dask_bag::Bag;
/// use dask_core::Collection;
/// use dask_io::bag::to_json_lines;
///
/// let folder = tempfile::tempdir()?;
/// let pattern = folder.path().join("*.json");
/// let pairs = Bag::range(3, 1).map(|x| (x, x * x));
/// # let (scheduler, context) = (dask_sched::SyncScheduler, dask_core::RunContext::default());
/// assert_eq!(to_json_lines(&pairs, &pattern.to_string_lossy())?.compute_with(&scheduler, &context)?, 3);
/// assert_eq!(std::fs::read_to_string(folder.path().join("000000.json"))?, "[0,0]\n[1,1]\n[2,4]\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`TextSink::create`](crate::text::TextSink::create).
pub fn to_json_lines<T>(values: &Bag<T>, pattern: &str) -> Result<Delayed<u64>, IoError>
where
    T: Data + Clone + serde::Serialize,
{
    let layer = values.layer();
    let shape = layer.layer().shape();
    let text = Closure::new("to_json", |call: &mut Call<'_>| {
        let values = call.take::<Vec<T>>(0)?;
        Ok(Value::new(values.iter().map(serde_json::to_string).collect::<Result<Vec<String>, _>>()?))
    });
    let input = BlockInput::aligned(layer.name().clone(), shape);
    let name = text.layer_name(layer.name());
    let texts = Blockwise::new(name, shape, vec![input], Arc::new(text));
    super::to_textfiles(&Bag::from_layer(LayerRef::new(texts, vec![layer.clone()])), pattern)
}
