//! The tables that have rows of an order, and how these are found.

use crate::moving::Table;
use crate::moving::tables::{
    DELIVERIES, DISCARDS, EVENTS, ORDER_CONTENT, ORDER_HOLDS, ORDER_LINES, ORDER_PERSONAL, ORDERS,
    RESERVATIONS, SHIPMENTS,
};

/// The column by which the rows of an order are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The order's own row: `id`.
    Id,
    /// `n`, the value of the order's readable number.
    Number,
    OrderId,
    /// `order_id` under the order's tenant, as the index of the log has it.
    OrderOfTenant,
}

impl Key {
    /// The column that says which order a row is of.
    #[must_use]
    pub fn column(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Number => "n",
            Self::OrderId | Self::OrderOfTenant => "order_id",
        }
    }
}

/// In the order in which rows are deleted: those that are found through the order's own row come before it.
pub static ORDER_TABLES: [(Table, Key); 10] = [
    (EVENTS, Key::OrderOfTenant),
    (ORDER_CONTENT, Key::Number),
    (ORDER_PERSONAL, Key::OrderId),
    (ORDER_LINES, Key::OrderId),
    (ORDER_HOLDS, Key::OrderId),
    (RESERVATIONS, Key::OrderId),
    (SHIPMENTS, Key::OrderId),
    (DELIVERIES, Key::OrderId),
    (DISCARDS, Key::OrderId),
    (ORDERS, Key::Id),
];

/// The columns of a table, separated by commas.
#[must_use]
pub fn names(table: &Table) -> String {
    let names: Vec<&str> = table.columns.iter().map(|c| c.name).collect();
    names.join(", ")
}
