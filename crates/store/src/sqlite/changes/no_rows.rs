//! The owner of no rows.

use super::super::tx::Tx;
use super::OwnedRows;
use crate::error::Result;
use crate::traits::NoRows;
use rusqlite::Connection;
use waybill_domain::change::Change;
use waybill_domain::ids::OrderId;

impl OwnedRows for NoRows {
    fn load(_connection: &Connection, _orders: &[OrderId]) -> Result<Vec<()>> {
        Ok(vec![])
    }

    fn write(_tx: &mut Tx<'_>, _changes: &[Change<Self>]) -> Result<()> {
        Ok(())
    }
}
