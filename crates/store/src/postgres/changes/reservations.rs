//! Writes reservations and their stock rows.

use super::super::pipeline::{Pipeline, Sql, params};
use super::super::rows::small;
use super::Locked;
use std::collections::BTreeMap;
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::change::Change;

static RESERVATIONS: Sql = Sql {
    text: "/* changes::reservations */ UPDATE reservations r SET consumed = r.consumed + c.consumed, released = r.released + c.released, \
           state = CASE WHEN r.consumed + r.released + c.consumed + c.released < r.quantity THEN r.state \
           WHEN r.consumed + c.consumed > 0 THEN 'consumed' ELSE 'released' END \
           FROM unnest($1, $2, $3, $4, $5) AS c (order_id, line, vendor, consumed, released) \
           WHERE r.order_id = c.order_id AND r.line = c.line AND r.vendor = c.vendor AND r.consumed + r.released < r.quantity",
    types: &[
        Type::UUID_ARRAY,
        Type::INT2_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
    ],
};

static STOCK: Sql = Sql {
    text: "/* changes::stock */ UPDATE stock s SET on_hand = s.on_hand - c.consumed, reserved = s.reserved - c.unreserved, \
           writes = s.writes + 1 FROM unnest($1::tid[], $2, $3) AS c (place, consumed, unreserved) WHERE s.ctid = c.place",
    types: &[Type::TEXT_ARRAY, Type::INT8_ARRAY, Type::INT8_ARRAY],
};

/// Units that leave reservations, and the stock rows behind them, each row once.
pub fn move_reservations<'p>(pipeline: &mut Pipeline<'p>, changes: &[&'p Change], locked: &Locked) {
    let mut rows: BTreeMap<(Uuid, u16, &str), (i64, i64)> = BTreeMap::new();
    let mut stock: BTreeMap<(&str, &str, &str), (i64, i64)> = BTreeMap::new();
    for change in changes {
        for moved in &change.reservations {
            let vendor = moved.vendor.as_str();
            let row = rows.entry((change.order_id.0, moved.line, vendor));
            let row = row.or_default();
            row.0 += moved.consumed;
            row.1 += moved.released;
            let sum = stock.entry((change.tenant.as_str(), moved.sku.as_str(), vendor));
            let sum = sum.or_default();
            sum.0 += moved.consumed;
            sum.1 += moved.consumed + moved.released;
        }
    }
    if rows.is_empty() {
        return;
    }
    pipeline.add(
        &RESERVATIONS,
        params![
            rows.keys().map(|k| k.0).collect::<Vec<_>>(),
            rows.keys().map(|k| small(k.1)).collect::<Vec<_>>(),
            rows.keys().map(|k| k.2).collect::<Vec<_>>(),
            rows.values().map(|v| v.0).collect::<Vec<_>>(),
            rows.values().map(|v| v.1).collect::<Vec<_>>(),
        ],
    );
    pipeline.add(
        &STOCK,
        params![
            stock
                .keys()
                .map(|k| locked.stock_row(k))
                .collect::<Vec<_>>(),
            stock.values().map(|v| v.0).collect::<Vec<_>>(),
            stock.values().map(|v| v.1).collect::<Vec<_>>(),
        ],
    );
}
