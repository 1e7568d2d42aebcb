//! Converts between columns and domain types. A value that the types do not allow is [`Error::DamagedRow`], with the
//! column, the value and the columns that the row begins with: its key.

use crate::error::{Error, KEY_COLUMNS, Result};
use bytes::BytesMut;
use std::error::Error as StdError;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};
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

    /// Begins at column `first`.
    pub fn from(row: &'a Row, first: usize) -> Self {
        Self { row, next: first }
    }

    pub fn get<T: FromSql<'a>>(&mut self) -> Result<T> {
        let value = self.row.try_get(self.next);
        self.next += 1;
        value.map_err(|error| self.damaged("a row", &error.to_string()).because(error))
    }

    /// The error that the value of the column just read is not a valid `what`.
    fn damaged(&self, what: &'static str, value: &str) -> Error {
        let at = self.next - 1;
        let column = self.row.columns().get(at).map_or("?", |c| c.name());
        Error::damaged_value(what, column, value, &self.key())
    }

    /// The row's first columns with their values, as far as they are ids, names or numbers: its key, for a message.
    fn key(&self) -> Vec<(&str, String)> {
        let columns = self.row.columns().iter().enumerate().take(KEY_COLUMNS);
        let shown = columns.filter_map(|(at, column)| {
            let value = match *column.type_() {
                Type::UUID => self.row.try_get::<_, Uuid>(at).ok()?.to_string(),
                Type::TEXT => self.row.try_get::<_, &str>(at).ok()?.to_owned(),
                Type::INT2 => self.row.try_get::<_, i16>(at).ok()?.to_string(),
                Type::INT8 => self.row.try_get::<_, i64>(at).ok()?.to_string(),
                _ => return None,
            };
            Some((column.name(), value))
        });
        shown.collect()
    }

    /// Borrowed text, parsed without a copy.
    pub fn text<T>(
        &mut self,
        what: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T> {
        let text: &str = self.get()?;
        parse(text).ok_or_else(|| self.damaged(what, text))
    }

    /// As [`Columns::text`], for a column that may be null.
    pub fn optional_text<T>(
        &mut self,
        what: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let text: Option<&str> = self.get()?;
        text.map(|text| parse(text).ok_or_else(|| self.damaged(what, text)))
            .transpose()
    }

    /// A number that has a smaller type here than in the table.
    pub fn number<T: TryFrom<i64>>(&mut self, what: &'static str) -> Result<T> {
        let value: i64 = self.get()?;
        T::try_from(value).map_err(|_| self.damaged(what, &value.to_string()))
    }

    /// As [`Columns::number`], from an `integer`.
    pub fn integer<T: TryFrom<i32>>(&mut self, what: &'static str) -> Result<T> {
        let value: i32 = self.get()?;
        T::try_from(value).map_err(|_| self.damaged(what, &value.to_string()))
    }

    /// A small number without a sign: a partition, a line.
    pub fn small(&mut self, what: &'static str) -> Result<u16> {
        let value: i16 = self.get()?;
        u16::try_from(value).map_err(|_| self.damaged(what, &value.to_string()))
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

/// A partition or a line as a parameter. A value above the table's `smallint` (32,767) cannot be sent: the statement
/// fails and its transaction with it.
#[derive(Clone, Copy, Debug)]
pub struct Small(u16);

/// Converts a partition or a line to the parameter type of a `smallint` column.
pub fn small(value: u16) -> Small {
    Small(value)
}

/// The error that a parameter does not fit the column's type.
#[derive(Debug, thiserror::Error)]
#[error("{0} is beyond a smallint")]
pub struct BeyondSmallint(u16);

impl ToSql for Small {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let value = i16::try_from(self.0).map_err(|_| BeyondSmallint(self.0))?;
        value.to_sql(ty, out)
    }

    accepts!(INT2);
    to_sql_checked!();
}

/// Converts a number of rows to a `bigint` parameter; more than 2³² − 1 counts as that.
pub fn count(value: usize) -> i64 {
    // No error: a LIMIT above the number of rows has no effect, so its exact value does not matter.
    u32::try_from(value).unwrap_or(u32::MAX).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_the_column_does_not_hold_is_not_sent_as_another() {
        let sent = |value| {
            let written = small(value).to_sql(&Type::INT2, &mut BytesMut::new());
            written.map(drop)
        };
        assert!(sent(32_767).is_ok());
        let refused = sent(32_768).expect_err("a smallint ends before it");
        assert!(refused.is::<BeyondSmallint>(), "{refused}");
    }
}
