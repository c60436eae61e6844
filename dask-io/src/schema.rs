//! Schemas of tables: which Arrow types a file's columns are read as, and how a schema travels.

use std::sync::Arc;

use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
#[cfg(feature = "parquet")]
use arrow_schema::DataType;
use arrow_schema::{Field, Schema, SchemaRef};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// Every kind of text is read as `Utf8`, every kind of bytes as `Binary`; metadata is dropped.
#[cfg(feature = "parquet")]
pub(crate) fn plain(schema: &Schema) -> Schema {
    let field = |field: &Arc<Field>| Field::new(field.name(), plain_type(field.data_type()), field.is_nullable());
    Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>())
}

#[cfg(feature = "parquet")]
fn plain_type(of: &DataType) -> DataType {
    match of {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => plain_type(values),
        other => other.clone(),
    }
}

/// All columns nullable, whatever the file says: files of one folder may differ in that.
pub(crate) fn nullable(schema: &Schema) -> SchemaRef {
    let field = |field: &Arc<Field>| field.as_ref().clone().with_nullable(true);
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

/// Names and types, for messages and comparisons.
#[cfg(feature = "parquet")]
pub(crate) fn text(schema: &Schema) -> String {
    let field = |field: &Arc<Field>| format!("{}: {}", field.name(), field.data_type());
    schema.fields().iter().map(field).collect::<Vec<_>>().join(", ")
}

/// Writes a schema as an empty Arrow stream.
pub(crate) fn serialize<S: Serializer>(schema: &SchemaRef, to: S) -> Result<S::Ok, S::Error> {
    let writer = StreamWriter::try_new(Vec::new(), schema).and_then(StreamWriter::into_inner);
    writer.map_err(ser::Error::custom)?.serialize(to)
}

/// Reads a schema back.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SchemaRef, D::Error> {
    let bytes = Vec::<u8>::deserialize(from)?;
    let reader = StreamReader::try_new(bytes.as_slice(), None).map_err(de::Error::custom)?;
    Ok(reader.schema())
}
