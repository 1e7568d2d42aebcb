//! Converts between columns and domain types. A value that the types do not allow is [`Error::DamagedRow`], with the
//! column, the value and the columns that the row begins with: its key.

use super::errors::{IntoStore, translate};
use crate::error::{Error, KEY_COLUMNS, Result};
use rusqlite::Row;
use rusqlite::types::{FromSql, ValueRef};
use uuid::Uuid;
use waybill_domain::ids::OrderId;
use waybill_domain::quantities::Quantities;
use waybill_domain::time::Time;

/// Reads columns in order, so that a SELECT list and its reader stay side by side.
pub struct Columns<'a, 'b> {
    row: &'a Row<'b>,
    next: usize,
}

impl<'a, 'b> Columns<'a, 'b> {
    pub fn of(row: &'a Row<'b>) -> Self {
        Self { row, next: 0 }
    }

    pub fn get<T: FromSql>(&mut self) -> Result<T> {
        let value = self.row.get(self.next);
        self.next += 1;
        value.map_err(|error| match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..) => {
                let value = self.row.get_ref(self.next - 1).map(shown);
                let value = value.unwrap_or_else(|_| error.to_string());
                self.damaged("a row", &value).because(error)
            }
            error => translate(error),
        })
    }

    /// The error that the value of the column just read is not a valid `what`.
    fn damaged(&self, what: &'static str, value: &str) -> Error {
        let column = self.row.as_ref().column_name(self.next - 1);
        Error::damaged_value(what, column.unwrap_or("?"), value, &self.key())
    }

    /// The row's first columns with their values: its key, for a message.
    fn key(&self) -> Vec<(&str, String)> {
        let columns = (0..KEY_COLUMNS).filter_map(|at| {
            let name = self.row.as_ref().column_name(at).ok()?;
            Some((name, shown(self.row.get_ref(at).ok()?)))
        });
        columns.collect()
    }

    /// Borrowed text, parsed without a copy.
    pub fn text<T>(
        &mut self,
        what: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T> {
        let value = self.row.get_ref(self.next).store()?;
        self.next += 1;
        let text = value
            .as_str()
            .map_err(|e| self.damaged(what, &shown(value)).because(e))?;
        parse(text).ok_or_else(|| self.damaged(what, text))
    }

    /// As [`Columns::text`], for a column that may be null.
    pub fn optional_text<T>(
        &mut self,
        what: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let value = self.row.get_ref(self.next).store()?;
        self.next += 1;
        let text = value
            .as_str_or_null()
            .map_err(|e| self.damaged(what, &shown(value)).because(e))?;
        text.map(|text| parse(text).ok_or_else(|| self.damaged(what, text)))
            .transpose()
    }

    pub fn uuid(&mut self, what: &'static str) -> Result<Uuid> {
        let value = self.row.get_ref(self.next).store()?;
        self.next += 1;
        let bytes = value
            .as_blob()
            .map_err(|e| self.damaged(what, &shown(value)).because(e))?;
        Uuid::from_slice(bytes).map_err(|e| self.damaged(what, &shown(value)).because(e))
    }

    pub fn optional_uuid(&mut self, what: &'static str) -> Result<Option<Uuid>> {
        let value = self.row.get_ref(self.next).store()?;
        self.next += 1;
        let bytes = value
            .as_blob_or_null()
            .map_err(|e| self.damaged(what, &shown(value)).because(e))?;
        let id = bytes.map(Uuid::from_slice).transpose();
        id.map_err(|e| self.damaged(what, &shown(value)).because(e))
    }

    /// Borrowed bytes, of a column that may be null.
    pub fn optional_bytes(&mut self, what: &'static str) -> Result<Option<&'a [u8]>> {
        let value = self.row.get_ref(self.next).store()?;
        self.next += 1;
        let bytes = value.as_blob_or_null();
        bytes.map_err(|e| self.damaged(what, &shown(value)).because(e))
    }

    pub fn order_id(&mut self) -> Result<OrderId> {
        self.uuid("order id").map(OrderId)
    }

    pub fn time(&mut self) -> Result<Time> {
        self.get().map(Time)
    }

    pub fn optional_time(&mut self) -> Result<Option<Time>> {
        Ok(self.get::<Option<i64>>()?.map(Time))
    }

    pub fn quantities(&mut self) -> Result<Quantities> {
        Ok(Quantities {
            ordered: self.get()?,
            cancelled: self.get()?,
            backordered: self.get()?,
            reserved: self.get()?,
            in_shipment: self.get()?,
            shipped: self.get()?,
            delivered: self.get()?,
            returned: self.get()?,
            lost: self.get()?,
        })
    }
}

/// A value as text for a message; of bytes that are no id, their number.
fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(n) => n.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => match Uuid::from_slice(bytes) {
            Ok(id) => id.to_string(),
            Err(_) => format!("{} bytes", bytes.len()),
        },
    }
}
