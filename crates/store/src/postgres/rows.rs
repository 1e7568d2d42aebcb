//! Converts between columns and domain types. A value that the types do not allow is an error that names the column.

use super::errors::IntoStore;
use crate::error::{Error, Result};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use uuid::Uuid;
use waybill_domain::ids::OrderId;
use waybill_domain::quantities::Quantities;
use waybill_domain::time::Time;

/// Reads columns in order, so that a SELECT list and its reader stay side by side.
pub struct Columns<'a> {
    row: &'a Row,
    next: usize,
}

impl<'a> Columns<'a> {
    pub fn of(row: &'a Row) -> Self {
        Self::from(row, 0)
    }

    /// Begins at a later column.
    pub fn from(row: &'a Row, first: usize) -> Self {
        Self { row, next: first }
    }

    pub fn get<T: FromSql<'a>>(&mut self) -> Result<T> {
        let value = self.row.try_get(self.next).store();
        self.next += 1;
        value
    }

    /// Borrowed text, parsed without a copy.
    pub fn text<T>(
        &mut self,
        what: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T> {
        let text: &str = self.get()?;
        parse(text).ok_or_else(|| Error::damaged_row(what, text.to_owned()))
    }

    /// As [`Columns::text`], for a column that may be null.
    pub fn optional_text<T>(
        &mut self,
        what: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let text: Option<&str> = self.get()?;
        text.map(|text| parse(text).ok_or_else(|| Error::damaged_row(what, text.to_owned())))
            .transpose()
    }

    /// A number that has a smaller type here than in the table.
    pub fn number<T: TryFrom<i64>>(&mut self, what: &'static str) -> Result<T> {
        let value: i64 = self.get()?;
        T::try_from(value).map_err(|_| Error::damaged_row(what, value.to_string()))
    }

    /// A small number without a sign: a partition, a line.
    pub fn small(&mut self, what: &'static str) -> Result<u16> {
        let value: i16 = self.get()?;
        u16::try_from(value).map_err(|_| Error::damaged_row(what, value.to_string()))
    }

    pub fn uuid(&mut self) -> Result<Uuid> {
        self.get()
    }

    pub fn order_id(&mut self) -> Result<OrderId> {
        self.uuid().map(OrderId)
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

/// A partition or a line as the table has it. Both are far below the type's bound.
pub fn small(value: u16) -> i16 {
    i16::try_from(value).unwrap_or(i16::MAX)
}

/// A number of rows as the table has it.
pub fn count(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
