//! Personal data of orders, as it is sent to and taken from other stores.

use super::pipeline::{Pipeline, Sql, params};
use super::rows::Columns;
use super::transaction::Commits;
use crate::encoding::{json, read_personal};
use crate::error::Result;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::content::Personal;
use waybill_domain::ids::OrderId;

static OF_ORDERS: Sql = Sql {
    text: "/* personal::of_orders */ SELECT DISTINCT ON (order_id) order_id, data FROM order_personal \
           WHERE order_id = ANY($1) AND kind = 'order' ORDER BY order_id, seq DESC",
    types: &[Type::UUID_ARRAY],
};

/// The personal data of those of these orders that have any.
pub async fn of_orders(commits: &Commits, orders: &[OrderId]) -> Result<Vec<(OrderId, Personal)>> {
    let ids: Vec<Uuid> = orders.iter().map(|id| id.0).collect();
    let rows = commits.read(&OF_ORDERS, params![ids]).await?;
    let read = |row: &Row| {
        let mut c = Columns::of(row);
        let (order, text): (OrderId, String) = (c.order_id()?, c.get()?);
        Ok((order, read_personal(order, &text)?))
    };
    rows.iter().map(read).collect()
}

static KEEP: Sql = Sql {
    text: "/* personal::keep */ INSERT INTO order_personal (order_id, seq, kind, data) SELECT p.id, 0, 'order', p.data \
           FROM unnest($1, $2) AS p (id, data) ORDER BY p.id ON CONFLICT DO NOTHING",
    types: &[Type::UUID_ARRAY, Type::TEXT_ARRAY],
};

/// Keeps personal data that came with events, unless the order has some.
pub fn keep(pipeline: &mut Pipeline<'_>, all: &[(OrderId, Personal)]) {
    if all.is_empty() {
        return;
    }
    let ids: Vec<Uuid> = all.iter().map(|(id, _)| id.0).collect();
    let data: Vec<String> = all.iter().map(|(_, personal)| json(personal)).collect();
    pipeline.add(&KEEP, params![ids, data]);
}
