//! What can go wrong with files.

use std::path::PathBuf;

/// Every way in which a format refuses.
///
/// ```
/// use dask_io::{IoError, text::TextSource};
/// let error = TextSource::open("nowhere/*.txt", None).unwrap_err();
/// assert!(matches!(&error, IoError::NothingMatches { pattern, .. } if pattern == "nowhere/*.txt"));
/// assert!(error.to_string().starts_with("no file matches nowhere/*.txt;"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IoError {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// A pattern that is none.
    #[error("{pattern}: not a pattern: {why}")]
    BadPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        why: String,
    },
    /// Nothing to read.
    #[error("no file matches {pattern}; paths are relative to {}", directory.display())]
    NothingMatches {
        /// The pattern.
        pattern: String,
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// Several files where one is read.
    #[error("{pattern} matches {n} files ({first}{}), and one is read; name that one", if *n > 2 { ", …" } else { "" })]
    SeveralMatch {
        /// The pattern.
        pattern: String,
        /// How many match.
        n: usize,
        /// The first two of them.
        first: String,
    },
    /// A compressed file that ends too early or is damaged.
    #[error("{}: the gzip stream is damaged or cut off after {read} bytes of text: {source}", path.display())]
    Gzip {
        /// Which file.
        path: PathBuf,
        /// How much could be read.
        read: u64,
        /// What the decoder said.
        source: std::io::Error,
    },
    /// Bytes that are no text.
    #[error("{at}: not UTF-8; convert the file first, for example with `iconv -f latin1 -t utf-8`")]
    NotUtf8 {
        /// File and line.
        at: String,
    },
    /// A line that is not JSON.
    #[cfg(feature = "json")]
    #[error("{line}: {source}; give `OnError::Skip` to pass over such lines: {text:?}", line = at)]
    Json {
        /// File and position.
        at: String,
        /// What the parser said.
        source: serde_json::Error,
        /// The beginning of the line.
        text: String,
    },
    /// A row whose number of fields is not the header's.
    #[error(
        "{at}: {found} fields where the header has {expected}; give `CsvOptions::skip_ragged` to pass over such rows"
    )]
    RaggedRow {
        /// File and line.
        at: String,
        /// The header's.
        expected: usize,
        /// The row's.
        found: usize,
    },
    /// A value that does not fit the column's type.
    #[error(
        "{at}: column {column:?} is {dtype} by the sample or as given, and {value:?} is not; give its type with `CsvOptions::dtype({column:?}, …)`, ColumnType::Utf8 takes everything"
    )]
    WrongType {
        /// File and line.
        at: String,
        /// The column.
        column: String,
        /// Its type.
        dtype: String,
        /// What stands there.
        value: String,
    },
    /// A column with more text than an array takes.
    #[error("{at}: the texts of column {column:?} are longer than 2 GB in one partition; give a smaller `blocksize`")]
    LongColumn {
        /// File and line.
        at: String,
        /// The column.
        column: String,
    },
    /// A file without any row.
    #[error("{}: the file is empty; a CSV file begins with a header", path.display())]
    NoHeader {
        /// Which file.
        path: PathBuf,
    },
    /// A quoted field that is not closed.
    #[error("{at}: a quote is opened and not closed; a file with line breaks inside quotes needs `blocksize` `None`")]
    OpenQuote {
        /// File and line.
        at: String,
    },
    /// A file with another header than the first file's.
    #[error("{}: the header is {found:?}, expected {expected:?}", path.display())]
    WrongHeader {
        /// Which file.
        path: PathBuf,
        /// Its first line.
        found: String,
        /// The first file's.
        expected: String,
    },
    /// An unknown column.
    #[error("no column is called {column:?}; there are: {known}")]
    UnknownColumn {
        /// What was asked for.
        column: String,
        /// What there is.
        known: String,
    },
    /// A file with other columns or types than the first of its folder.
    #[error("{}: the columns are {found}, expected {expected} as in the first file", path.display())]
    WrongColumns {
        /// Which file.
        path: PathBuf,
        /// Its columns and their types.
        found: String,
        /// Those of the first file.
        expected: String,
    },
    /// A column that is compressed in a way that is not built in.
    #[error(
        "{}: column {column:?} is compressed with {codec}; none, Snappy and gzip are read: write the file with one of these", path.display()
    )]
    UnknownCodec {
        /// Which file.
        path: PathBuf,
        /// The column.
        column: String,
        /// How it is compressed.
        codec: String,
    },
    /// An object that a file does not hold.
    #[error("{}: there is no dataset {name}; there are: {known}", path.display())]
    NoDataset {
        /// Which file.
        path: PathBuf,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A table that a file does not hold.
    #[error("{}: there is no table {name}; there are: {known}", path.display())]
    NoTable {
        /// Which file.
        path: PathBuf,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A column that a format cannot hold.
    #[error("{}: column {column:?} cannot be written: {why}", path.display())]
    BadColumn {
        /// Which file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Why not, and the way out.
        why: String,
    },
    /// A dataset of another rank or element type.
    #[error("{}: {name} has {found}, expected {expected}", path.display())]
    WrongDataset {
        /// Which file.
        path: PathBuf,
        /// The dataset.
        name: String,
        /// What it has.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// What a format's library said.
    #[error("{}: {message}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What it said.
        message: String,
    },
}

impl IoError {
    /// The system refused `path`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// A format's library refused `path`.
    #[cfg(any(feature = "csv", feature = "hdf5", feature = "parquet"))]
    pub(crate) fn format<E: std::fmt::Display>(path: impl Into<PathBuf>) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |error| Self::Format { path, message: error.to_string() }
    }
}

impl From<IoError> for dask_core::Error {
    fn from(error: IoError) -> Self {
        Self::other(error)
    }
}
