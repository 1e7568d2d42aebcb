//! Writes work for external services.

use super::super::pipeline::{Pipeline, Sql, params};
use tokio_postgres::types::Type;
use waybill_domain::change::NewWork;
use waybill_domain::text::{Sku, Tenant};

static ADD_WORK: Sql = Sql {
    text: "/* changes::add_work */ INSERT INTO work (id, target, tenant, order_id, due_at, body) \
           SELECT w.id, w.target, $1, w.order_id, w.due_at, w.body FROM unnest($2, $3, $4, $5, $6, $7) \
           AS w (id, target, order_id, due_at, body, awaited) WHERE w.awaited IS NULL OR EXISTS (SELECT 1 FROM order_lines l \
           WHERE l.waits_in = $1 AND l.sku = w.awaited AND l.waits_in IS NOT NULL AND l.backordered > 0) ON CONFLICT DO NOTHING",
    types: &[
        Type::TEXT,
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::UUID_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

/// Adds pieces of work; one that is there already is the same one again, and one for waiting orders is left out where none
/// waits.
pub fn add_work<'p>(pipeline: &mut Pipeline<'p>, tenant: &'p Tenant, work: &'p [NewWork]) {
    if work.is_empty() {
        return;
    }
    let w = || work.iter();
    pipeline.add(
        &ADD_WORK,
        params![
            tenant.as_str(),
            w().map(|w| w.id).collect::<Vec<_>>(),
            w().map(|w| w.target.as_str()).collect::<Vec<_>>(),
            w().map(|w| w.order_id.map(|id| id.0)).collect::<Vec<_>>(),
            w().map(|w| w.due_at.0).collect::<Vec<_>>(),
            w().map(|w| w.body.as_str()).collect::<Vec<_>>(),
            w().map(|w| w.if_awaited.as_ref().map(Sku::as_str))
                .collect::<Vec<_>>(),
        ],
    );
}
