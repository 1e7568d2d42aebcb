//! Converts between columns and domain types. A value that the types do not allow is an error that names the column.

use super::errors::IntoStore;
use crate::error::{Error, Result};
use rusqlite::Row;
use rusqlite::types::FromSql;
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
        let value = self.row.get(self.next).store();
        self.next += 1;
        value
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
            .map_err(|e| Error::damaged_row(what, e.to_string()).because(e))?;
        parse(text).ok_or_else(|| Error::damaged_row(what, text.to_owned()))
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
            .map_err(|e| Error::damaged_row(what, e.to_string()).because(e))?;
        text.map(|text| parse(text).ok_or_else(|| Error::damaged_row(what, text.to_owned())))
            .transpose()
    }

    pub fn uuid(&mut self, what: &'static str) -> Result<Uuid> {
        let value = self.row.get_ref(self.next).store()?;
        self.next += 1;
        let bytes = value
            .as_blob()
            .map_err(|e| Error::damaged_row(what, e.to_string()).because(e))?;
        Uuid::from_slice(bytes).map_err(|e| Error::damaged_row(what, e.to_string()).because(e))
    }

    pub fn optional_uuid(&mut self, what: &'static str) -> Result<Option<Uuid>> {
        let value = self.row.get_ref(self.next).store()?;
        self.next += 1;
        let bytes = value
            .as_blob_or_null()
            .map_err(|e| Error::damaged_row(what, e.to_string()).because(e))?;
        bytes
            .map(|b| {
                Uuid::from_slice(b).map_err(|e| Error::damaged_row(what, e.to_string()).because(e))
            })
            .transpose()
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
