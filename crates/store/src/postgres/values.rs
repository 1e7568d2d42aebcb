//! Rows as values of the types of their columns.

use super::errors::IntoStore;
use crate::error::Result;
use crate::moving::{Kind, Table, Value};
use tokio_postgres::Row;

/// Reads a row of all columns of a table.
pub fn row(table: &Table, row: &Row) -> Result<Vec<Value>> {
    let columns = table.columns.iter().enumerate();
    let cells = columns.map(|(index, column)| value(row, index, column.kind));
    cells.collect()
}

fn value(row: &Row, index: usize, kind: Kind) -> Result<Value> {
    Ok(match kind {
        Kind::Small => Value::Small(row.try_get(index).store()?),
        Kind::Int => Value::Int(row.try_get(index).store()?),
        Kind::Big => Value::Big(row.try_get(index).store()?),
        Kind::Bool => Value::Bool(row.try_get(index).store()?),
        Kind::Text => Value::Text(row.try_get(index).store()?),
        Kind::Uuid => Value::Uuid(row.try_get(index).store()?),
        Kind::Bytes => Value::Bytes(row.try_get(index).store()?),
    })
}
