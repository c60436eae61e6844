//! Bags from and into files, in one line.

use std::sync::Arc;

use dask_bag::Bag;

use crate::error::IoError;
use crate::text::TextSource;

/// The lines of the files that a pattern names; gzip by the ending `.gz`. Files are cut into blocks of about
/// `blocksize` bytes, or one partition a file.
///
/// # Errors
/// As [`TextSource::open`].
pub fn read_text(pattern: &str, blocksize: Option<u64>) -> Result<Bag<String>, IoError> {
    Ok(Bag::from_source(Arc::new(TextSource::open(pattern, blocksize)?)))
}

/// The JSON values of the files that a pattern names, one a line, as any type.
///
/// # Errors
/// As [`TextSource::open`]; computing fails with file and line of what does not parse, unless it is skipped.
#[cfg(feature = "json")]
pub fn read_json_lines<T>(
    pattern: &str,
    blocksize: Option<u64>,
    on_error: crate::json_lines::OnError,
) -> Result<Bag<T>, IoError>
where
    T: dask_core::Data + Clone + serde::de::DeserializeOwned,
{
    use dask_core::{Call, Token, Value};
    let source = crate::json_lines::JsonLinesSource::open(pattern, blocksize, on_error)?;
    let token =
        Token::of(&("read_json_lines", dask_core::PartitionSource::identity(&source), std::any::type_name::<T>()));
    let n = dask_core::PartitionSource::n_partitions(&source) as u32;
    let state = dask_core::layer::Materialized::values(
        dask_core::Name::tokened("files", token),
        &[],
        [Value::new(Files(source))],
    );
    let read = dask_core::delayed::Closure::new("read_json_lines", |call: &mut Call<'_>| {
        let partition = call.index()[0] as usize;
        let items = call.get::<Files>(0)?.0.parse::<T>(partition)?;
        Ok(Value::new(items.collect::<Result<Vec<T>, _>>()?))
    });
    let input = dask_core::layer::BlockInput::all(state.name().clone(), &[]);
    let name = read.layer_name(&token);
    let layer = dask_core::layer::Blockwise::new(name, &[n], vec![input], Arc::new(read)).with_source(true);
    Ok(Bag::from_layer(dask_core::LayerRef::new(layer, vec![state])))
}

#[cfg(feature = "json")]
#[derive(serde::Serialize, serde::Deserialize)]
struct Files(crate::json_lines::JsonLinesSource);
#[cfg(feature = "json")]
dask_core::data!(Files);
