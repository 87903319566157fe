//! Parquet through the column writers, without Arrow.

use super::{Cells, Column, Written};
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};
use std::sync::Arc;

/// One row group; every column may be null. Times are microseconds in UTC.
pub(super) fn parquet(columns: &[Column]) -> Written {
    let fields = columns.iter().map(field).collect::<Result<Vec<_>>>()?;
    let schema = Arc::new(Type::group_type_builder("trials").with_fields(fields).build()?);
    let mut bytes = Vec::new();
    let mut file =
        SerializedFileWriter::new(&mut bytes, schema, Arc::new(WriterProperties::builder().build()))?;
    let mut group = file.next_row_group()?;
    for column in columns {
        let Some(mut writer) = group.next_column()? else {
            return Err("fewer columns in the file than in the table".into());
        };
        write(&mut writer, &column.cells)?;
        writer.close()?;
    }
    group.close()?;
    file.close()?;
    Ok(bytes)
}

fn field(column: &Column) -> Result<TypePtr> {
    let (physical, logical) = match &column.cells {
        Cells::Double(_) => (Physical::DOUBLE, None),
        Cells::Integer(_) => (Physical::INT64, None),
        Cells::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Cells::Time(_) => (
            Physical::INT64,
            Some(LogicalType::timestamp(true, TimeUnit::MICROS)),
        ),
    };
    let builder = Type::primitive_type_builder(&column.name, physical);
    Ok(Arc::new(
        builder
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()?,
    ))
}

fn write(writer: &mut SerializedColumnWriter, cells: &Cells) -> Result<()> {
    match cells {
        Cells::Double(x) => write_typed::<DoubleType>(writer, x.iter().copied()),
        Cells::Integer(x) => write_typed::<Int64Type>(writer, x.iter().copied()),
        Cells::Text(x) => {
            write_typed::<ByteArrayType>(writer, x.iter().map(|t| t.as_deref().map(ByteArray::from)))
        }
        Cells::Time(x) => write_typed::<Int64Type>(writer, x.iter().map(|t| t.map(|t| t.as_microsecond()))),
    }
}

/// The values that are there, and for each row whether there is one.
fn write_typed<T: DataType>(
    writer: &mut SerializedColumnWriter,
    cells: impl Iterator<Item = Option<T::T>> + Clone,
) -> Result<()> {
    let present: Vec<i16> = cells.clone().map(|c| c.is_some().into()).collect();
    let values: Vec<T::T> = cells.flatten().collect();
    writer.typed::<T>().write_batch(&values, Some(&present), None)?;
    Ok(())
}
