//! Rows as values of the types that the other store's columns have.

use super::errors::IntoStore;
use crate::error::{Error, Result};
use crate::moving::{Column, Kind, Table, Value};
use rusqlite::types::ValueRef;
use rusqlite::{Row, ToSql};
use uuid::Uuid;

/// Reads a row of all columns of a table.
pub fn row(table: &Table, row: &Row<'_>) -> Result<Vec<Value>> {
    let columns = table.columns.iter().enumerate();
    let cell = |(index, column): (usize, &Column)| {
        let cell = row.get_ref(index).store()?;
        value(column.kind, cell).ok_or_else(|| {
            let detail = format!("{}.{} is {}", table.name, column.name, cell.data_type());
            Error::damaged_row("a row", detail)
        })
    };
    columns.map(cell).collect()
}

/// Converts a cell to the target's column type; `None` when it does not fit.
fn value(kind: Kind, cell: ValueRef<'_>) -> Option<Value> {
    Some(match (kind, cell) {
        (Kind::Small, ValueRef::Null) => Value::Small(None),
        (Kind::Int, ValueRef::Null) => Value::Int(None),
        (Kind::Big, ValueRef::Null) => Value::Big(None),
        (Kind::Bool, ValueRef::Null) => Value::Bool(None),
        (Kind::Text, ValueRef::Null) => Value::Text(None),
        (Kind::Uuid, ValueRef::Null) => Value::Uuid(None),
        (Kind::Bytes, ValueRef::Null) => Value::Bytes(None),
        (Kind::Bytes, ValueRef::Blob(bytes)) => Value::Bytes(Some(bytes.to_owned())),
        (Kind::Small, ValueRef::Integer(n)) => Value::Small(Some(n.try_into().ok()?)),
        (Kind::Int, ValueRef::Integer(n)) => Value::Int(Some(n.try_into().ok()?)),
        (Kind::Big, ValueRef::Integer(n)) => Value::Big(Some(n)),
        (Kind::Bool, ValueRef::Integer(n @ (0 | 1))) => Value::Bool(Some(n == 1)),
        (Kind::Text, ValueRef::Text(text)) => {
            Value::Text(Some(std::str::from_utf8(text).ok()?.to_owned()))
        }
        (Kind::Uuid, ValueRef::Blob(bytes)) => Value::Uuid(Some(Uuid::from_slice(bytes).ok()?)),
        _ => return None,
    })
}

/// A value as a parameter.
pub fn as_sql(value: &Value) -> Box<dyn ToSql + '_> {
    match value {
        Value::Small(v) => Box::new(v),
        Value::Int(v) => Box::new(v),
        Value::Big(v) => Box::new(v),
        Value::Bool(v) => Box::new(v),
        Value::Text(v) => Box::new(v),
        Value::Uuid(v) => Box::new(v.map(Uuid::into_bytes)),
        Value::Bytes(v) => Box::new(v),
    }
}
