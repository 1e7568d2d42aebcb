//! Writes work for external services.

use super::super::tx::Tx;
use crate::error::Result;
use rusqlite::params;
use waybill_domain::change::NewWork;
use waybill_domain::ids::OrderId;
use waybill_domain::text::{Sku, Tenant};

/// Adds pieces of work; one that is there already is the same one again, and one for waiting orders is left out where none
/// waits.
pub fn add_work(tx: &Tx<'_>, tenant: &Tenant, work: &[NewWork]) -> Result<()> {
    for piece in work {
        tx.execute(
            "INSERT INTO work (id, target, tenant, order_id, due_at, body) SELECT ?1, ?2, ?3, ?4, ?5, ?6 \
             WHERE ?7 IS NULL OR EXISTS (SELECT 1 FROM order_lines INDEXED BY order_lines_waiting \
             WHERE waits_in = ?3 AND sku = ?7 AND waits_in IS NOT NULL AND backordered > 0) ON CONFLICT DO NOTHING",
            params![
                piece.id.as_bytes(),
                piece.target,
                tenant.as_str(),
                piece.order_id.as_ref().map(OrderId::bytes),
                piece.due_at.0,
                piece.body,
                piece.if_awaited.as_ref().map(Sku::as_str)
            ],
        )?;
    }
    Ok(())
}
