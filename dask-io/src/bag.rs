//! Bags from and into files, in one line.

use std::sync::Arc;

use dask_bag::Bag;
use dask_core::layer::{BlockInput, Blockwise};
use dask_core::wire::{Encoder, Portable, WireError, decode_portable, encode_portable};
use dask_core::{Call, Delayed, LayerRef, Name, PartitionSink, Receipt, TaskError, TaskFn, Token, Value};

use crate::error::IoError;
use crate::text::{TextSink, TextSource};

/// The lines of the files that a pattern names; gzip by the ending `.gz`. Files are cut into blocks of about
/// `blocksize` bytes, or one partition a file.
///
/// ```
/// use dask_core::Collection;
/// use dask_io::bag::read_text;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("a.txt");
/// let path = path.to_str().ok_or("not UTF-8")?;
/// std::fs::write(path, "one\ntwo\nthree\n")?;
/// let lines = read_text(path, Some(6))?;
/// # let (scheduler, context) = (dask_sched::SyncScheduler, dask_core::RunContext::default());
/// assert_eq!(lines.n_partitions(), 2);
/// assert_eq!(lines.compute_with(&scheduler, &context)?, ["one", "two", "three"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`TextSource::open`].
pub fn read_text(pattern: &str, blocksize: Option<u64>) -> Result<Bag<String>, IoError> {
    Ok(Bag::from_source(Arc::new(TextSource::open(pattern, blocksize)?)))
}

/// Writes a bag as files of lines, one a partition, compressed if the pattern ends in `.gz`; the number of the partition
/// stands for the `*` of the pattern. Nothing happens before the result, the number of lines, is computed.
///
/// # Errors
/// As [`TextSink::create`].
///
/// ```
/// use dask_bag::Bag;
/// use dask_core::Collection;
/// use dask_io::bag::{read_text, to_textfiles};
///
/// let folder = tempfile::tempdir()?;
/// let pattern = folder.path().join("*.txt.gz");
/// let pattern = pattern.to_str().ok_or("not UTF-8")?;
/// let lines = Bag::from_sequence(["one", "two", "three"].map(String::from), 2);
/// # let (scheduler, context) = (dask_sched::SyncScheduler, dask_core::RunContext::default());
/// assert_eq!(to_textfiles(&lines, pattern)?.compute_with(&scheduler, &context)?, 3);
/// assert_eq!(read_text(pattern, None)?.compute_with(&scheduler, &context)?, ["one", "two", "three"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn to_textfiles(lines: &Bag<String>, pattern: &str) -> Result<Delayed<u64>, IoError> {
    let sink: Sink = Arc::new(TextSink::create(pattern)?);
    let layer = lines.layer();
    let name = |what: &str| Name::tokened(what, Token::unique());
    let shape = layer.layer().shape();
    let input = BlockInput::aligned(layer.name().clone(), shape);
    let write = Blockwise::new(name("to_textfiles"), shape, vec![input], Arc::new(Write(sink.clone())));
    let write = LayerRef::new(write, vec![layer.clone()]);
    let input = BlockInput::all(write.name().clone(), shape);
    let commit = Blockwise::new(name("commit"), &[], vec![input], Arc::new(Commit(sink)));
    Ok(Delayed::from_layer(LayerRef::new(commit, vec![write])))
}

type Sink = Arc<dyn PartitionSink<Item = String>>;

struct Write(Sink);

impl TaskFn for Write {
    fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
        let lines = call.take::<Vec<String>>(0)?;
        let partition = call.index()[0] as usize;
        Ok(Value::new(self.0.write(partition, Box::new(lines.into_iter().map(Ok)))?))
    }
}

struct Commit(Sink);

impl TaskFn for Commit {
    fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
        let receipts: Vec<Receipt> = call.drain().map(Value::take).collect::<Result<_, _>>()?;
        self.0.commit(&receipts)?;
        Ok(Value::new(receipts.iter().map(|receipt| receipt.n_items).sum::<u64>()))
    }
}

macro_rules! portable {
    ($($type:ident = $name:literal;)*) => {$(
        impl Portable for $type {
            fn wire_name(&self) -> &'static str { $name }
            fn encode(&self, out: &mut Encoder) -> Result<(), WireError> { encode_portable(&*self.0, out) }
        }
        dask_core::register!($name, |input| {
            let task: Arc<dyn TaskFn> = Arc::new($type(decode_portable(input)?));
            Ok(Box::new(task))
        });
    )*};
}
portable! { Write = "io.bag.write_text"; Commit = "io.bag.commit_text"; }

#[cfg(feature = "json")]
pub use json::{read_json_lines, read_json_lines_or_collect, to_json_lines};

#[cfg(feature = "json")]
mod json;
