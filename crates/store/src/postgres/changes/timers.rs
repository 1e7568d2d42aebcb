//! Writes timers of shipments.

use super::super::pipeline::{Pipeline, Sql, params};
use super::super::rows::small;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::change::{Change, DeliveryEffect};
use waybill_domain::timer::TimerChange;

static SET_TIMERS: Sql = Sql {
    text: "/* changes::set_timers */ INSERT INTO timers (part, due_at, shipment_id, order_id) SELECT * FROM unnest($1, $2, $3, $4) \
           ON CONFLICT DO NOTHING",
    types: &[
        Type::INT2_ARRAY,
        Type::INT8_ARRAY,
        Type::UUID_ARRAY,
        Type::UUID_ARRAY,
    ],
};

static CLEAR_TIMERS: Sql = Sql {
    text: "/* changes::clear_timers */ DELETE FROM timers t USING unnest($1, $2, $3) AS c (part, due_at, shipment_id) \
           WHERE t.part = c.part AND t.due_at = c.due_at AND t.shipment_id = c.shipment_id",
    types: &[Type::INT2_ARRAY, Type::INT8_ARRAY, Type::UUID_ARRAY],
};

/// A timer that a batch both sets and clears is not written. The shipment's version guards timers: when a timer to be
/// cleared is not found, it has fired in that version.
pub fn write_timers<'p>(pipeline: &mut Pipeline<'p>, changes: &[&'p Change<DeliveryEffect>]) {
    let mut set: BTreeMap<(u16, i64, Uuid), Uuid> = BTreeMap::new();
    let mut cleared: BTreeSet<(u16, i64, Uuid)> = BTreeSet::new();
    for change in changes {
        for timer in &change.effect.timers {
            match timer {
                TimerChange::Set(t) => {
                    let key = (t.partition, t.due_at.0, t.shipment_id.0);
                    cleared.remove(&key);
                    set.insert(key, t.order_id.0);
                }
                TimerChange::Clear(t) => {
                    let key = (t.partition, t.due_at.0, t.shipment_id.0);
                    set.remove(&key);
                    cleared.insert(key);
                }
            }
        }
    }
    if !cleared.is_empty() {
        pipeline.add(
            &CLEAR_TIMERS,
            params![
                cleared.iter().map(|k| small(k.0)).collect::<Vec<_>>(),
                cleared.iter().map(|k| k.1).collect::<Vec<_>>(),
                cleared.iter().map(|k| k.2).collect::<Vec<_>>(),
            ],
        );
    }
    if !set.is_empty() {
        pipeline.add(
            &SET_TIMERS,
            params![
                set.keys().map(|k| small(k.0)).collect::<Vec<_>>(),
                set.keys().map(|k| k.1).collect::<Vec<_>>(),
                set.keys().map(|k| k.2).collect::<Vec<_>>(),
                set.values().copied().collect::<Vec<_>>(),
            ],
        );
    }
}
