//! Reads archived orders.

use super::super::claims;
use super::super::pipeline::{Sql, params};
use super::super::rows::Columns;
use super::super::transaction::Commits;
use crate::archive::{ArchivedOrder, Document};
use crate::error::Result;
use crate::model::OrderRef;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

static BY_ID: Sql = Sql {
    text: "/* archive::by_id */ SELECT n, order_id, tenant, status, version, archived_at, document FROM archived_orders WHERE tenant = $1 AND order_id = $2",
    types: &[Type::TEXT, Type::UUID],
};

static BY_NUMBER: Sql = Sql {
    text: "/* archive::by_number */ SELECT n, order_id, tenant, status, version, archived_at, document FROM archived_orders WHERE tenant = $1 AND n = $2",
    types: &[Type::TEXT, Type::INT8],
};

/// An order of the archive.
pub async fn find(
    commits: &Commits,
    tenant: &Tenant,
    by: &OrderRef,
    now: Time,
) -> Result<Option<ArchivedOrder>> {
    let id = match by {
        OrderRef::Id(id) => Some(*id),
        OrderRef::Number(number) => {
            let asked = params![tenant.as_str(), *number];
            let rows = commits.read(&BY_NUMBER, asked).await?;
            let found = rows.first().map(archived).transpose()?;
            // It is this order's number only where the caller gave it none.
            return Ok(found.filter(|order| order.caller_number().is_none()));
        }
        OrderRef::Claim { kind, hash } => {
            claims::holder(commits, tenant, *kind, *hash, now).await?
        }
    };
    let Some(id) = id else { return Ok(None) };
    let rows = commits.read(&BY_ID, params![tenant.as_str(), id.0]).await?;
    rows.first().map(archived).transpose()
}

static HAS: Sql = Sql {
    text: "/* archive::has */ SELECT 1 FROM archived_orders WHERE tenant = $1 AND order_id = $2",
    types: &[Type::TEXT, Type::UUID],
};

/// Whether the archive has an order.
pub async fn has(commits: &Commits, tenant: &Tenant, id: OrderId) -> Result<bool> {
    let rows = commits.read(&HAS, params![tenant.as_str(), id.0]).await?;
    Ok(!rows.is_empty())
}

/// Reads a row of the archive: number, id, tenant, status, version, time, document.
pub fn archived(row: &Row) -> Result<ArchivedOrder> {
    let mut c = Columns::of(row);
    let order = ArchivedOrder {
        number: c.get()?,
        id: c.order_id()?,
        tenant: Tenant::stored(c.get()?),
        status: c.get()?,
        version: c.get()?,
        archived_at: c.time()?,
        document: Document::default(),
    };
    order.read(c.get()?)
}
