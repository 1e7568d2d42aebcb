//! Delivery's side: deliveries, shipments and their timers.

use super::super::shipments;
use super::super::tx::{Tx, expect_one};
use super::OwnedRows;
use crate::encoding::json;
use crate::error::Result;
use crate::model::DeliveryOf;
use rusqlite::{Connection, params};
use waybill_domain::change::{Change, DeliveryChange, DeliveryEffect, ShipmentChange};
use waybill_domain::ids::OrderId;
use waybill_domain::timer::TimerChange;

impl OwnedRows for DeliveryEffect {
    fn load(connection: &Connection, orders: &[OrderId]) -> Result<Vec<DeliveryOf>> {
        shipments::deliveries(connection, orders)
    }

    fn write(tx: &mut Tx<'_>, changes: &[Change<Self>]) -> Result<()> {
        for Change { effect, .. } in changes {
            if let Some(delivery) = &effect.delivery {
                write_delivery(tx, delivery)?;
            }
            for shipment in &effect.shipments {
                if shipment.expected_version == 0 {
                    insert_shipment(tx, shipment)?;
                } else {
                    update_shipment(tx, shipment)?;
                }
            }
        }
        for timer in changes.iter().flat_map(|change| &change.effect.timers) {
            write_timer(tx, timer)?;
        }
        Ok(())
    }
}

fn write_delivery(tx: &Tx<'_>, change: &DeliveryChange) -> Result<()> {
    let delivery = &change.after;
    let list = |empty: bool, text: String| (!empty).then_some(text);
    let open_holds = list(delivery.open_holds.is_empty(), json(&delivery.open_holds));
    let released = list(delivery.released.is_empty(), json(&delivery.released));
    let changed = if change.expected_revision == 0 {
        tx.execute(
            "INSERT INTO deliveries (order_id, tenant, part, state, revision, version, heard, open_holds, released, updated_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
            params![
                delivery.order_id.bytes(),
                delivery.tenant.as_str(),
                delivery.partition,
                delivery.state.as_str(),
                delivery.revision,
                delivery.version,
                delivery.last_order_seq,
                open_holds,
                released,
                delivery.updated_at.0,
            ],
        )?
    } else {
        tx.execute(
            "UPDATE deliveries SET state = ?3, revision = ?4, version = ?5, heard = ?6, open_holds = ?7, released = ?8, updated_at = ?9 \
             WHERE order_id = ?1 AND revision = ?2",
            params![
                delivery.order_id.bytes(),
                change.expected_revision,
                delivery.state.as_str(),
                delivery.revision,
                delivery.version,
                delivery.last_order_seq,
                open_holds,
                released,
                delivery.updated_at.0,
            ],
        )?
    };
    expect_one(changed, "the delivery")
}

fn insert_shipment(tx: &Tx<'_>, change: &ShipmentChange) -> Result<()> {
    let s = &change.after;
    let changed = tx.execute(
        "INSERT INTO shipments (id, order_id, tenant, part, vendor, attempt, status, version, lines, tracking_number, carrier, created_at, \
         updated_at, shipped_at, delivered_at, due_at, correlation_id, traceparent) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18) \
         ON CONFLICT DO NOTHING",
        params![
            s.id.bytes(),
            s.order_id.bytes(),
            s.tenant.as_str(),
            s.partition,
            s.vendor.as_str(),
            s.attempt,
            s.status.as_str(),
            s.version,
            json(&s.lines),
            s.tracking_number.as_deref(),
            s.carrier.as_deref(),
            s.created_at.0,
            s.updated_at.0,
            s.shipped_at.map(|t| t.0),
            s.delivered_at.map(|t| t.0),
            s.due_at.map(|t| t.0),
            s.request.correlation_id.as_deref(),
            s.request.traceparent.as_deref(),
        ],
    )?;
    expect_one(changed, "the shipment")
}

fn update_shipment(tx: &Tx<'_>, change: &ShipmentChange) -> Result<()> {
    let s = &change.after;
    let changed = tx.execute(
        "UPDATE shipments SET status = ?3, version = ?4, tracking_number = ?5, carrier = ?6, updated_at = ?7, shipped_at = ?8, \
         delivered_at = ?9, due_at = ?10 WHERE id = ?1 AND version = ?2",
        params![
            s.id.bytes(),
            change.expected_version,
            s.status.as_str(),
            s.version,
            s.tracking_number.as_deref(),
            s.carrier.as_deref(),
            s.updated_at.0,
            s.shipped_at.map(|t| t.0),
            s.delivered_at.map(|t| t.0),
            s.due_at.map(|t| t.0),
        ],
    )?;
    expect_one(changed, "the shipment")
}

fn write_timer(tx: &Tx<'_>, timer: &TimerChange) -> Result<()> {
    match timer {
        TimerChange::Set(t) => {
            tx.execute(
                "INSERT INTO timers (due_at, shipment_id, order_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                params![t.due_at.0, t.shipment_id.bytes(), t.order_id.bytes()],
            )?;
        }
        TimerChange::Clear(t) => {
            // The shipment's version guards timers: when a timer to be cleared is not found, it has fired in that
            // version.
            tx.execute(
                "DELETE FROM timers WHERE due_at = ?1 AND shipment_id = ?2",
                params![t.due_at.0, t.shipment_id.bytes()],
            )?;
        }
    }
    Ok(())
}
