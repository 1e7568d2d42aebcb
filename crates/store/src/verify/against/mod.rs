//! What must hold between the stores of an order service and a delivery service.
//!
//! The stores are read one after the other, so a pair that is in use may look as if events had overtaken each other: the
//! caller reads both again and keeps the findings that are still there. Events that are under way are no finding: a
//! rule looks only at what was taken.

mod side;
#[cfg(test)]
mod tests;

pub use side::Side;

use self::side::{DELIVERY, OrderRow, STATUS, ShipmentRow, Taken};
use super::Finding;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;
use waybill_domain::delivery::DeliveryState;
use waybill_domain::event::AggregateKind;
use waybill_domain::shipment::ShipmentStatus;
use waybill_domain::status::OrderStatus;

/// Compares two stores, given in any order.
#[must_use]
pub fn compare(one: &Side, other: &Side) -> Vec<Finding> {
    let mut findings = Findings::default();
    findings.0.extend(one.faults.iter().cloned());
    findings.0.extend(other.faults.iter().cloned());
    let mut any = false;
    for (orders, delivery) in [(one, other), (other, one)] {
        let taken = delivery.taken_from(orders, DELIVERY);
        let followed = orders.taken_from(delivery, STATUS);
        if taken.is_none() && followed.is_none() {
            continue;
        }
        any = true;
        let nothing = Taken::default();
        let pair = Pair {
            orders,
            delivery,
            taken: taken.unwrap_or(&nothing),
            followed: followed.unwrap_or(&nothing),
        };
        pair.check(&mut findings);
    }
    if !any && one.store_id == other.store_id {
        findings.add("I8", "the stores", "both are the same store");
    } else if !any {
        let detail = "neither has taken an event of the other; are these the stores of one order service and its delivery service?";
        findings.add("I8", "the stores", detail);
    }
    findings.0.sort_by(|a, b| {
        (a.invariant, &a.subject, &a.detail).cmp(&(b.invariant, &b.subject, &b.detail))
    });
    findings.0.dedup();
    findings.0
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(
        &mut self,
        invariant: &'static str,
        subject: impl Into<String>,
        detail: impl Into<String>,
    ) {
        self.0.push(Finding {
            invariant,
            subject: subject.into(),
            detail: detail.into(),
        });
    }
}

/// An order store and a delivery store, and what each has taken of the other.
struct Pair<'s> {
    orders: &'s Side,
    delivery: &'s Side,
    taken: &'s Taken,
    followed: &'s Taken,
}

impl Pair<'_> {
    fn check(&self, findings: &mut Findings) {
        beyond_the_log(DELIVERY, self.taken, self.orders, findings);
        beyond_the_log(STATUS, self.followed, self.delivery, findings);
        self.orders_are_there(findings);
        self.copies_agree(findings);
        self.units_are_the_orders(findings);
        self.not_cancelled_and_shipped(findings);
        self.releases_had_their_effect(findings);
        self.answers_had_their_effect(findings);
    }

    /// I6: delivery knows no order that the order store does not have.
    fn orders_are_there(&self, findings: &mut Findings) {
        let missing = |order: &Uuid| {
            let known = [self.orders, self.delivery];
            !known.iter().any(|side| side.orders.contains_key(order))
        };
        let shipments = self.delivery.shipments.iter();
        for (id, shipment) in shipments.filter(|(_, s)| missing(&s.order)) {
            let detail = format!(
                "is of order {}, which the order store does not have",
                shipment.order
            );
            findings.add("I6", format!("shipment {id}"), detail);
        }
        for order in self
            .delivery
            .deliveries
            .keys()
            .filter(|order| missing(order))
        {
            let detail = "is of an order that the order store does not have";
            findings.add("I6", format!("delivery of order {order}"), detail);
        }
    }

    /// I9: what an order shows of a shipment is what the shipment is, once its last event was taken.
    fn copies_agree(&self, findings: &mut Findings) {
        for (order, id, copy) in self.copies() {
            let Some(shipment) = self.delivery.shipments.get(&id) else {
                if !self.orders.shipments.contains_key(&id) {
                    let detail =
                        format!("shows shipment {id}, which the delivery store does not have");
                    findings.add("I9", format!("order {order}"), detail);
                }
                continue;
            };
            let seq = self.followed.seq(AggregateKind::Shipment, id);
            let is_settled = seq == shipment.version && !self.orders.waits(STATUS, order);
            if is_settled && let Some(differs) = difference(copy, shipment) {
                let detail = format!("shows shipment {id} {differs}");
                findings.add("I9", format!("order {order}"), detail);
            }
        }
        for (id, shipment) in &self.delivery.shipments {
            let was_taken = self.followed.seq(AggregateKind::Shipment, *id) > 0;
            let Some(order) = self.orders.orders.get(&shipment.order) else {
                continue;
            };
            let is_shown = order.copies.iter().any(|copy| copy.id.0 == *id);
            if was_taken && !is_shown && !self.orders.waits(STATUS, shipment.order) {
                let detail = format!("does not show shipment {id}, whose events were taken");
                findings.add("I9", format!("order {}", shipment.order), detail);
            }
        }
    }

    fn copies(
        &self,
    ) -> impl Iterator<Item = (Uuid, Uuid, &waybill_domain::shipment::ShipmentCopy)> {
        let orders = self.orders.orders.iter();
        orders.flat_map(|(id, order)| order.copies.iter().map(|copy| (*id, copy.id.0, copy)))
    }

    /// I11: shipments hold no more units of a line than were ordered, and of a line no unit is both cancelled and sent.
    fn units_are_the_orders(&self, findings: &mut Findings) {
        let mut held: BTreeMap<(Uuid, u16), (i64, i64)> = BTreeMap::new();
        for shipment in self.delivery.shipments.values() {
            let is_off = matches!(
                shipment.status,
                ShipmentStatus::Cancelled | ShipmentStatus::Failed
            );
            for line in shipment.lines.iter().filter(|_| !is_off) {
                let (all, left) = held.entry((shipment.order, line.line)).or_default();
                *all += line.quantity;
                *left += if shipment.status.has_left() {
                    line.quantity
                } else {
                    0
                };
            }
        }
        for ((order, line), (all, left)) in held {
            let Some(row) = self.orders.orders.get(&order) else {
                continue;
            };
            let subject = format!("order {order} line {line}");
            let (ordered, cancelled) = row.lines.get(&line).copied().unwrap_or_default();
            if all > ordered {
                findings.add(
                    "I11",
                    subject,
                    format!("{all} units are in shipments, {ordered} were ordered"),
                );
            } else if left + cancelled > ordered {
                let detail = format!(
                    "{left} units have left and {cancelled} are cancelled, of {ordered} ordered"
                );
                findings.add("I11", subject, detail);
            }
        }
    }

    /// I17: an order is cancelled or shipped, never both.
    fn not_cancelled_and_shipped(&self, findings: &mut Findings) {
        let is_cancelled = |order: &Uuid| {
            let row: Option<&OrderRow> = self.orders.orders.get(order);
            row.is_some_and(|row| row.status == OrderStatus::Cancelled)
        };
        for (id, shipment) in &self.delivery.shipments {
            if shipment.status.has_left() && is_cancelled(&shipment.order) {
                let detail = format!("is cancelled, and its shipment {id} is {}", shipment.status);
                findings.add("I17", format!("order {}", shipment.order), detail);
            }
        }
        for (order, delivery) in &self.delivery.deliveries {
            if delivery.state == DeliveryState::Started && is_cancelled(order) {
                let detail = "is cancelled, and delivery has not agreed to that";
                findings.add("I17", format!("order {order}"), detail);
            }
        }
    }

    /// I9: an order whose confirmation was taken has a delivery.
    fn releases_had_their_effect(&self, findings: &mut Findings) {
        for (order, seq) in &self.orders.confirmed {
            let was_taken = self.taken.seq(AggregateKind::Order, *order) >= *seq;
            if !was_taken || self.delivery.waits(DELIVERY, *order) {
                continue;
            }
            let delivery = self.delivery.deliveries.get(order);
            let is_done = delivery.is_some_and(|delivery| {
                delivery.last_order_seq >= *seq || delivery.state == DeliveryState::Cancelled
            });
            if !is_done {
                let detail = format!(
                    "event {seq} order.confirmed was taken, and delivery has no effect of it"
                );
                findings.add("I9", format!("order {order}"), detail);
            }
        }
    }

    /// I9: an order does not wait for an answer of delivery that was taken.
    fn answers_had_their_effect(&self, findings: &mut Findings) {
        for (order, row) in &self.orders.orders {
            let Some(delivery) = self.delivery.deliveries.get(order) else {
                continue;
            };
            let asked = self.orders.cancel_requested.get(order).copied();
            let is_answered =
                asked.is_some_and(|seq| delivery.last_order_seq >= seq) && delivery.version > 0;
            let was_taken = self.followed.seq(AggregateKind::Delivery, *order) >= delivery.version;
            let waits = self.orders.waits(STATUS, *order);
            if row.status == OrderStatus::Cancelling && is_answered && was_taken && !waits {
                let detail = "waits for delivery's answer to its cancellation, which was taken";
                findings.add("I9", format!("order {order}"), detail);
            }
        }
    }
}

/// I8: nothing was taken that the other store's log does not have, in a generation that was adopted.
fn beyond_the_log(inbox: &str, taken: &Taken, source: &Side, findings: &mut Findings) {
    let generation = &source.generation;
    if !taken.marks.is_empty() && !taken.generations.contains(generation) {
        let detail = format!(
            "goes on under generation {generation}, which {inbox} has not adopted: see waybill inbox adopt"
        );
        findings.add("I8", format!("store {}", source.store_id), detail);
    }
    for (aggregate, (of, seq)) in &taken.marks {
        let last = source.log.get(aggregate).copied().unwrap_or(0);
        if of == generation && *seq > last {
            let detail =
                format!("{inbox} has taken event {seq}, and the log of its store ends with {last}");
            findings.add("I8", format!("{} {}", aggregate.kind, aggregate.id), detail);
        }
    }
}

/// How a shipment differs from what its order shows.
fn difference(
    copy: &waybill_domain::shipment::ShipmentCopy,
    shipment: &ShipmentRow,
) -> Option<String> {
    let units = |lines: &[waybill_domain::event::body::ShipmentLine]| -> HashMap<u16, i64> {
        lines
            .iter()
            .map(|line| (line.line, line.quantity))
            .collect()
    };
    if (copy.version, copy.status) != (shipment.version, shipment.status) {
        return Some(format!(
            "at version {} as {}, and it is {} at version {}",
            copy.version, copy.status, shipment.status, shipment.version
        ));
    }
    if units(&copy.lines) != units(&shipment.lines) {
        return Some("with other units than it has".into());
    }
    let shown =
        [&copy.tracking_number, &copy.carrier].map(|text| text.as_deref().unwrap_or_default());
    let has = [&shipment.tracking_number, &shipment.carrier].map(String::as_str);
    (shown != has).then(|| "with another tracking number or carrier than it has".into())
}
