//! CSV and JSON.

use super::{Cells, Column, Written};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// Numbers in full precision, times as RFC 3339, NaN as `NaN`, missing as nothing.
pub(super) fn csv(columns: &[Column]) -> Written {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns.iter().map(|c| &c.name))?;
    for row in 0..n_rows(columns) {
        writer.write_record(columns.iter().map(|c| text(&c.cells, row)))?;
    }
    Ok(writer.into_inner().map_err(|e| e.into_error())?)
}

/// An array of objects; NaN and infinities are null, for JSON cannot write them.
pub(super) fn json(columns: &[Column]) -> Written {
    let rows: Vec<_> = (0..n_rows(columns)).map(|place| Row { columns, place }).collect();
    let mut bytes = serde_json::to_vec_pretty(&rows)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// An object whose members are in the columns' order.
struct Row<'a> {
    columns: &'a [Column],
    place: usize,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.columns
                .iter()
                .map(|c| (&c.name, value(&c.cells, self.place))),
        )
    }
}

fn n_rows(columns: &[Column]) -> usize {
    columns.first().map_or(0, |c| c.cells.len())
}

fn text(cells: &Cells, row: usize) -> String {
    match cells {
        Cells::Double(x) => x[row].map(|x| crate::space::Value::Double(x).to_string()),
        Cells::Integer(x) => x[row].map(|x| x.to_string()),
        Cells::Text(x) => x[row].clone(),
        Cells::Time(x) => x[row].map(|x| x.to_string()),
    }
    .unwrap_or_default()
}

fn value(cells: &Cells, row: usize) -> Value {
    match cells {
        Cells::Double(x) => x[row].into(),
        Cells::Integer(x) => x[row].into(),
        Cells::Text(x) => x[row].clone().into(),
        Cells::Time(x) => x[row].map(|x| x.to_string()).into(),
    }
}
