//! Writes work for external services.

use super::super::tx::Tx;
use crate::error::Result;
use rusqlite::params;
use waybill_domain::change::NewWork;
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;

/// Adds pieces of work; one that is there already is the same one again.
pub fn add_work(tx: &Tx<'_>, tenant: &Tenant, work: &[NewWork]) -> Result<()> {
    for piece in work {
        tx.execute(
            "INSERT INTO work (id, target, tenant, order_id, due_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            params![piece.id.as_bytes(), piece.target, tenant.as_str(), piece.order_id.as_ref().map(OrderId::bytes), piece.due_at.0, piece.body],
        )?;
    }
    Ok(())
}
