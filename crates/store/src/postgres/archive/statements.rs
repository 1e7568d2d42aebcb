//! What moving out and putting back share: the statements of each table with rows of an order, and the sums of units.

use super::super::pipeline::{Pipeline, Sql, params};
use crate::archive::{Consumed, Key, ORDER_TABLES, names};
use crate::moving::{Column, Table};
use std::sync::LazyLock;
use tokio_postgres::types::Type;

/// The statements of a table with rows of an order.
pub struct OfTable {
    pub table: Table,
    /// The place of the column that says which order a row is of.
    pub owner: usize,
    pub read: Sql,
    pub delete: Sql,
    /// Takes the rows as JSON.
    pub put_back: Sql,
}

pub static OF_TABLES: LazyLock<Vec<OfTable>> = LazyLock::new(|| {
    let tables = ORDER_TABLES.iter();
    tables
        .map(|(table, key)| OfTable::new(*table, *key))
        .collect()
});

impl OfTable {
    fn new(table: Table, key: Key) -> Self {
        // Made once in a process: the texts of statements live as long as it does.
        let sql = |text: String, types| Sql {
            text: text.leak(),
            types,
        };
        let (name, columns, which) = (table.name, names(&table), condition(key));
        let is_owner = |column: &Column| column.name == key.column();
        let owner = table.columns.iter().position(is_owner);
        Self {
            table,
            owner: owner.expect("a table of orders has its key"),
            read: sql(
                format!("/* archive::read */ SELECT {columns} FROM {name} WHERE {which}"),
                &[Type::UUID_ARRAY],
            ),
            delete: sql(
                format!("/* archive::delete */ DELETE FROM {name} WHERE {which}"),
                &[Type::UUID_ARRAY],
            ),
            put_back: sql(
                format!(
                    "/* archive::put_back */ INSERT INTO {name} ({columns}) SELECT {columns} \
                     FROM json_populate_recordset(NULL::{name}, $1::text::json)"
                ),
                &[Type::TEXT],
            ),
        }
    }
}

/// Which rows of a table are of the orders `$1`.
fn condition(key: Key) -> &'static str {
    match key {
        Key::Id => "id = ANY($1)",
        Key::Number => "n IN (SELECT o.n FROM orders o WHERE o.id = ANY($1))",
        Key::OrderId => "order_id = ANY($1)",
        Key::OrderOfTenant => {
            "order_id = ANY($1) AND tenant IN (SELECT o.tenant FROM orders o WHERE o.id = ANY($1))"
        }
    }
}

static CONSUMED: Sql = Sql {
    text: "/* archive::consumed */ INSERT INTO archived_stock (tenant, sku, vendor, units) SELECT * FROM unnest($1, $2, $3, $4) \
           ON CONFLICT (tenant, sku, vendor) DO UPDATE SET units = archived_stock.units + excluded.units",
    types: &[
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
    ],
};

/// Adds units to the sums of what has left with archived orders, or takes them off (`sign` -1).
pub fn add_consumed(pipeline: &mut Pipeline<'_>, consumed: Consumed, sign: i64) {
    let (mut tenants, mut skus, mut vendors, mut units) = (vec![], vec![], vec![], vec![]);
    for ((tenant, sku, vendor), of) in consumed {
        tenants.push(tenant);
        skus.push(sku);
        vendors.push(vendor);
        units.push(sign * of);
    }
    if !units.is_empty() {
        pipeline.add(&CONSUMED, params![tenants, skus, vendors, units]);
    }
}
