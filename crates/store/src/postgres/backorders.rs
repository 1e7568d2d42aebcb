//! Orders whose units wait for stock, and those that have to give units back.

use super::pipeline::{Sql, params};
use super::rows::{Columns, count};
use super::transaction::Commits;
use crate::error::Result;
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::ids::OrderId;
use waybill_domain::text::{Sku, Tenant, Vendor};

static ORDERS: Sql = Sql {
    text: "/* backorders::orders */ SELECT DISTINCT order_id FROM order_lines WHERE waits_in = $1 AND sku = $2 \
           AND waits_in IS NOT NULL AND backordered > 0 AND order_id > $3 ORDER BY order_id LIMIT $4",
    types: &[Type::TEXT, Type::TEXT, Type::UUID, Type::INT8],
};

/// Orders with units of a sku that wait, in the order in which they came.
pub async fn orders(
    commits: &Commits,
    tenant: &Tenant,
    sku: &Sku,
    after: Option<OrderId>,
    limit: usize,
) -> Result<Vec<OrderId>> {
    // No error: without a place it begins with the first order; no order has the id zero.
    let after = after.map_or(Uuid::nil(), |order| order.0);
    let parameters = params![tenant.as_str(), sku.as_str(), after, count(limit)];
    let rows = commits.read(&ORDERS, parameters).await?;
    rows.iter().map(|row| Columns::of(row).order_id()).collect()
}

/// It goes from one sku to the next along the index, however many orders wait for each.
static SKUS: Sql = Sql {
    text: "/* backorders::skus */ WITH RECURSIVE t (waits_in, sku, n) AS ( \
           (SELECT l.waits_in, l.sku, 1 FROM order_lines l WHERE (l.waits_in, l.sku) > ($1, $2) AND l.waits_in IS NOT NULL \
           AND l.backordered > 0 ORDER BY l.waits_in, l.sku LIMIT 1) UNION ALL \
           SELECT next.waits_in, next.sku, t.n + 1 FROM t, LATERAL (SELECT l.waits_in, l.sku FROM order_lines l \
           WHERE (l.waits_in, l.sku) > (t.waits_in, t.sku) AND l.waits_in IS NOT NULL AND l.backordered > 0 \
           ORDER BY l.waits_in, l.sku LIMIT 1) AS next WHERE t.n < $3) SELECT waits_in, sku FROM t",
    types: &[Type::TEXT, Type::TEXT, Type::INT8],
};

/// Skus of which units wait.
pub async fn skus(
    commits: &Commits,
    after: Option<&(Tenant, Sku)>,
    limit: usize,
) -> Result<Vec<(Tenant, Sku)>> {
    let (tenant, sku) = after.map_or(("", ""), |(tenant, sku)| (tenant.as_str(), sku.as_str()));
    let rows = commits
        .read(&SKUS, params![tenant, sku, count(limit)])
        .await?;
    let each = rows.iter().map(|row| {
        let mut c = Columns::of(row);
        Ok((
            c.text("tenant", |t| Some(Tenant::stored(t)))?,
            c.text("sku", |t| Some(Sku::stored(t)))?,
        ))
    });
    each.collect()
}

static UNCONFIRMED: Sql = Sql {
    text: "/* backorders::unconfirmed */ SELECT c.order_id FROM (SELECT order_id FROM order_lines \
           WHERE waits_in = $1 AND waits_in IS NOT NULL AND backordered > 0 \
           UNION SELECT order_id FROM reservations WHERE state = 'held') AS c \
           WHERE EXISTS (SELECT 1 FROM orders o WHERE o.id = c.order_id AND (o.status = 'pending' OR o.status = 'backordered')) \
           AND EXISTS (SELECT 1 FROM reservations r WHERE r.order_id = c.order_id AND r.tenant = $1 AND r.sku = $2 AND r.vendor = $3 \
           AND r.state = 'committed' AND r.consumed + r.released < r.quantity) ORDER BY c.order_id DESC LIMIT $4",
    types: &[Type::TEXT, Type::TEXT, Type::TEXT, Type::INT8],
};

/// Orders that are not confirmed and have reserved our own units of a sku, newest first.
pub async fn unconfirmed(
    commits: &Commits,
    tenant: &Tenant,
    sku: &Sku,
    limit: usize,
) -> Result<Vec<OrderId>> {
    let parameters = params![tenant.as_str(), sku.as_str(), Vendor::LOCAL, count(limit)];
    let rows = commits.read(&UNCONFIRMED, parameters).await?;
    rows.iter().map(|row| Columns::of(row).order_id()).collect()
}
