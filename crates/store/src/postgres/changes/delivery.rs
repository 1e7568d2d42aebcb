//! Delivery's side: deliveries, shipments and their timers.

use super::super::pipeline::{Answers, Pipeline, Sql, params};
use super::super::rows::small;
use super::super::shipments;
use super::super::transaction::Commits;
use super::OwnedRows;
use super::locked_delivery::{DeliveryLocks, LockedDeliveries, WantedDeliveries};
use super::timers::write_timers;
use crate::encoding::json;
use crate::error::Result;
use crate::model::DeliveryOf;
use std::collections::BTreeMap;
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::change::{Change, DeliveryEffect};
use waybill_domain::delivery::Delivery;
use waybill_domain::ids::OrderId;
use waybill_domain::shipment::Shipment;

impl OwnedRows for DeliveryEffect {
    type Wanted = WantedDeliveries;
    type Locks = DeliveryLocks;
    type Locked = LockedDeliveries;

    async fn load(commits: &Commits, orders: &[OrderId]) -> Result<Vec<DeliveryOf>> {
        shipments::deliveries(commits, orders).await
    }

    fn wanted(changes: &[&Change<Self>]) -> WantedDeliveries {
        WantedDeliveries::of(changes)
    }

    fn lock<'p>(wanted: &'p WantedDeliveries, pipeline: &mut Pipeline<'p>) -> DeliveryLocks {
        wanted.lock(pipeline)
    }

    fn read(locks: DeliveryLocks, answers: &mut Answers) -> Result<LockedDeliveries> {
        LockedDeliveries::read(locks, answers)
    }

    fn take(locked: &mut LockedDeliveries, change: &Change<Self>) -> Result<()> {
        locked.take(&change.effect)
    }

    fn write<'p>(
        pipeline: &mut Pipeline<'p>,
        changes: &[&'p Change<Self>],
        _locked: &'p LockedDeliveries,
    ) {
        write_deliveries(pipeline, changes);
        write_shipments(pipeline, changes);
        write_timers(pipeline, changes);
    }
}

static INSERT_DELIVERIES: Sql = Sql {
    text: "/* changes::insert_deliveries */ INSERT INTO deliveries (order_id, tenant, part, state, revision, version, heard, open_holds, released, \
           updated_at) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    types: DELIVERY,
};

static UPDATE_DELIVERIES: Sql = Sql {
    text: "/* changes::update_deliveries */ UPDATE deliveries d SET state = c.state, revision = c.revision, version = c.version, heard = c.heard, \
           open_holds = c.open_holds, released = c.released, updated_at = c.updated_at \
           FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS c (order_id, tenant, part, state, revision, version, heard, open_holds, \
           released, updated_at) WHERE d.order_id = c.order_id",
    types: DELIVERY,
};

const DELIVERY: &[Type] = &[
    Type::UUID_ARRAY,
    Type::TEXT_ARRAY,
    Type::INT2_ARRAY,
    Type::TEXT_ARRAY,
    Type::INT8_ARRAY,
    Type::INT8_ARRAY,
    Type::INT8_ARRAY,
    Type::TEXT_ARRAY,
    Type::TEXT_ARRAY,
    Type::INT8_ARRAY,
];

/// The last state of each row by its key, with the version that the batch's first change of the row expects; version 0
/// inserts a new row.
type States<'p, T> = BTreeMap<Uuid, (i64, &'p T)>;

/// Splits the last states into rows to insert and rows to update.
fn split<'p, T>(states: &States<'p, T>) -> [Vec<&'p T>; 2] {
    let of = |new: bool| {
        let states = states.values();
        let wanted = states.filter(|(expected, _)| (*expected == 0) == new);
        wanted.map(|(_, state)| *state).collect()
    };
    [of(true), of(false)]
}

/// Writes the last state of each delivery.
fn write_deliveries<'p>(pipeline: &mut Pipeline<'p>, changes: &[&'p Change<DeliveryEffect>]) {
    let mut states: States<'p, Delivery> = BTreeMap::new();
    for change in changes.iter().filter_map(|c| c.effect.delivery.as_ref()) {
        let first = (change.expected_revision, &change.after);
        let state = states.entry(change.after.order_id.0).or_insert(first);
        state.1 = &change.after;
    }
    let [new, old] = split(&states);
    for (sql, rows) in [(&INSERT_DELIVERIES, new), (&UPDATE_DELIVERIES, old)] {
        if rows.is_empty() {
            continue;
        }
        let d = || rows.iter();
        pipeline.add(
            sql,
            params![
                d().map(|d| d.order_id.0).collect::<Vec<_>>(),
                d().map(|d| d.tenant.as_str()).collect::<Vec<_>>(),
                d().map(|d| small(d.partition)).collect::<Vec<_>>(),
                d().map(|d| d.state.as_str()).collect::<Vec<_>>(),
                d().map(|d| d.revision).collect::<Vec<_>>(),
                d().map(|d| d.version).collect::<Vec<_>>(),
                d().map(|d| d.last_order_seq).collect::<Vec<_>>(),
                d().map(|d| (!d.open_holds.is_empty()).then(|| json(&d.open_holds)))
                    .collect::<Vec<_>>(),
                d().map(|d| (!d.released.is_empty()).then(|| json(&d.released)))
                    .collect::<Vec<_>>(),
                d().map(|d| d.updated_at.0).collect::<Vec<_>>(),
            ],
        );
    }
}

static INSERT_SHIPMENTS: Sql = Sql {
    text: "/* changes::insert_shipments */ INSERT INTO shipments (id, order_id, tenant, part, vendor, attempt, status, version, lines, \
           tracking_number, carrier, created_at, updated_at, shipped_at, delivered_at, due_at, correlation_id, traceparent) \
           SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
    types: SHIPMENT,
};

static UPDATE_SHIPMENTS: Sql = Sql {
    text: "/* changes::update_shipments */ UPDATE shipments s SET status = c.status, version = c.version, tracking_number = c.tracking_number, \
           carrier = c.carrier, updated_at = c.updated_at, shipped_at = c.shipped_at, delivered_at = c.delivered_at, due_at = c.due_at \
           FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) AS c (id, order_id, tenant, part, vendor, \
           attempt, status, version, lines, tracking_number, carrier, created_at, updated_at, shipped_at, delivered_at, due_at, correlation_id, \
           traceparent) WHERE s.id = c.id",
    types: SHIPMENT,
};

const SHIPMENT: &[Type] = &[
    Type::UUID_ARRAY,
    Type::UUID_ARRAY,
    Type::TEXT_ARRAY,
    Type::INT2_ARRAY,
    Type::TEXT_ARRAY,
    Type::INT4_ARRAY,
    Type::TEXT_ARRAY,
    Type::INT8_ARRAY,
    Type::TEXT_ARRAY,
    Type::TEXT_ARRAY,
    Type::TEXT_ARRAY,
    Type::INT8_ARRAY,
    Type::INT8_ARRAY,
    Type::INT8_ARRAY,
    Type::INT8_ARRAY,
    Type::INT8_ARRAY,
    Type::TEXT_ARRAY,
    Type::TEXT_ARRAY,
];

/// Writes the last state of each shipment.
fn write_shipments<'p>(pipeline: &mut Pipeline<'p>, changes: &[&'p Change<DeliveryEffect>]) {
    let mut states: States<'p, Shipment> = BTreeMap::new();
    for change in changes.iter().flat_map(|c| &c.effect.shipments) {
        let first = (change.expected_version, &change.after);
        let state = states.entry(change.after.id.0).or_insert(first);
        state.1 = &change.after;
    }
    let [new, old] = split(&states);
    for (sql, rows) in [(&INSERT_SHIPMENTS, new), (&UPDATE_SHIPMENTS, old)] {
        if rows.is_empty() {
            continue;
        }
        let s = || rows.iter();
        pipeline.add(
            sql,
            params![
                s().map(|s| s.id.0).collect::<Vec<_>>(),
                s().map(|s| s.order_id.0).collect::<Vec<_>>(),
                s().map(|s| s.tenant.as_str()).collect::<Vec<_>>(),
                s().map(|s| small(s.partition)).collect::<Vec<_>>(),
                s().map(|s| s.vendor.as_str()).collect::<Vec<_>>(),
                s().map(|s| i32::from(s.attempt)).collect::<Vec<_>>(),
                s().map(|s| s.status.as_str()).collect::<Vec<_>>(),
                s().map(|s| s.version).collect::<Vec<_>>(),
                s().map(|s| json(&s.lines)).collect::<Vec<_>>(),
                s().map(|s| s.tracking_number.as_deref())
                    .collect::<Vec<_>>(),
                s().map(|s| s.carrier.as_deref()).collect::<Vec<_>>(),
                s().map(|s| s.created_at.0).collect::<Vec<_>>(),
                s().map(|s| s.updated_at.0).collect::<Vec<_>>(),
                s().map(|s| s.shipped_at.map(|t| t.0)).collect::<Vec<_>>(),
                s().map(|s| s.delivered_at.map(|t| t.0)).collect::<Vec<_>>(),
                s().map(|s| s.due_at.map(|t| t.0)).collect::<Vec<_>>(),
                s().map(|s| s.request.correlation_id.as_deref())
                    .collect::<Vec<_>>(),
                s().map(|s| s.request.traceparent.as_deref())
                    .collect::<Vec<_>>(),
            ],
        );
    }
}
