//! Writing what the domain decided: rows are locked and their versions compared in memory, then everything is written
//! in one flush.
//!
//! Changes of one batch may build on each other; each is compared with what the one before it leaves, and only the
//! last state of a row is written.

use super::lock;
use super::pipeline::{Pipeline, Sql, params};
use super::rows::{Columns, small};
use crate::encoding::{HoldNote, json};
use crate::error::{Error, Result};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::change::{Change, HoldChange, NewWork, TimerChange};
use waybill_domain::delivery::Delivery;
use waybill_domain::ids::OrderId;
use waybill_domain::order::{Hold, Line, Order};
use waybill_domain::shipment::Shipment;
use waybill_domain::status::OrderStatus;
use waybill_domain::text::{Tenant, Vendor};

/// Which rows changes are about to write, in the order of the classes.
pub struct Wanted {
    orders: Vec<Uuid>,
    deliveries: Vec<Uuid>,
    shipments: Vec<Uuid>,
    holds: Vec<Uuid>,
    reservations: Vec<Uuid>,
    stock: Vec<(String, String, String)>,
}

fn distinct(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    ids.collect::<BTreeSet<_>>().into_iter().collect()
}

impl Wanted {
    pub fn of<'c>(changes: impl IntoIterator<Item = &'c Change>) -> Self {
        let changes: Vec<&Change> = changes.into_iter().collect();
        let each = || changes.iter().copied();
        let releases = |c: &&Change| {
            let mut holds = c.holds.iter();
            holds.any(|h| matches!(h, HoldChange::Release { .. }))
        };
        let stock: BTreeSet<_> = each()
            .flat_map(|c| c.reservations.iter().map(move |r| (&c.tenant, r)))
            .map(|(tenant, r)| (tenant.to_string(), r.sku.to_string(), r.vendor.to_string()))
            .collect();
        Self {
            orders: distinct(each().filter_map(|c| Some(c.order.as_ref()?.after.id.0))),
            deliveries: distinct(
                each().filter_map(|c| Some(c.delivery.as_ref()?.after.order_id.0)),
            ),
            shipments: distinct(each().flat_map(|c| c.shipments.iter().map(|s| s.after.id.0))),
            holds: distinct(each().filter(releases).map(|c| c.order_id.0)),
            reservations: distinct(
                each()
                    .filter(|c| !c.reservations.is_empty())
                    .map(|c| c.order_id.0),
            ),
            stock: stock.into_iter().collect(),
        }
    }

    /// Adds the locks; the answers go to [`Locked::read`].
    pub fn lock<'p>(&'p self, pipeline: &mut Pipeline<'p>) {
        let classes = [
            (&lock::ORDERS, &self.orders),
            (&lock::DELIVERIES, &self.deliveries),
            (&lock::SHIPMENTS, &self.shipments),
            (&lock::HOLDS, &self.holds),
            (&lock::RESERVATIONS, &self.reservations),
        ];
        for (sql, ids) in classes {
            if !ids.is_empty() {
                pipeline.add(sql, params![&**ids]);
            }
        }
        if !self.stock.is_empty() {
            let each = self.stock.iter();
            pipeline.add(
                &lock::STOCK,
                params![
                    each.clone().map(|k| k.0.as_str()).collect::<Vec<_>>(),
                    each.clone().map(|k| k.1.as_str()).collect::<Vec<_>>(),
                    each.map(|k| k.2.as_str()).collect::<Vec<_>>(),
                ],
            );
        }
    }
}

/// What the locked rows say, kept up while changes are taken in.
#[derive(Default)]
pub struct Locked {
    orders: HashMap<Uuid, i64>,
    deliveries: HashMap<Uuid, i64>,
    shipments: HashMap<Uuid, i64>,
    open_holds: HashSet<Uuid>,
    open_reservations: HashSet<(Uuid, u16, String)>,
}

impl Locked {
    /// Reads the answers of [`Wanted::lock`], which come in its order.
    pub fn read(wanted: &Wanted, answers: &mut impl Iterator<Item = Vec<Row>>) -> Result<Self> {
        let mut locked = Self::default();
        for (versions, ids) in [
            (&mut locked.orders, &wanted.orders),
            (&mut locked.deliveries, &wanted.deliveries),
            (&mut locked.shipments, &wanted.shipments),
        ] {
            if !ids.is_empty() {
                for row in answers.next().unwrap_or_default() {
                    let mut c = Columns::of(&row);
                    versions.insert(c.uuid()?, c.get()?);
                }
            }
        }
        if !wanted.holds.is_empty() {
            for row in answers.next().unwrap_or_default() {
                locked.open_holds.insert(Columns::of(&row).uuid()?);
            }
        }
        if !wanted.reservations.is_empty() {
            for row in answers.next().unwrap_or_default() {
                let mut c = Columns::of(&row);
                let key = (c.uuid()?, c.small("line")?, c.get()?);
                locked.open_reservations.insert(key);
            }
        }
        Ok(locked)
    }

    /// Takes a change in, if it was decided on what the rows say now.
    pub fn take(&mut self, change: &Change) -> Result<()> {
        self.check(change)?;
        if let Some(order) = &change.order {
            self.orders.insert(order.after.id.0, order.after.version);
        }
        if let Some(delivery) = &change.delivery {
            let after = &delivery.after;
            self.deliveries.insert(after.order_id.0, after.revision);
        }
        for shipment in &change.shipments {
            let after = &shipment.after;
            self.shipments.insert(after.id.0, after.version);
        }
        for hold in &change.holds {
            match hold {
                HoldChange::Place(hold) => self.open_holds.insert(hold.id.0),
                HoldChange::Release { id, .. } => self.open_holds.remove(&id.0),
            };
        }
        Ok(())
    }

    fn check(&self, change: &Change) -> Result<()> {
        let is = |version: Option<&i64>, expected: i64, what| {
            if version.copied().unwrap_or(0) == expected {
                Ok(())
            } else {
                Err(Error::Conflict { what })
            }
        };
        if let Some(order) = &change.order {
            let version = self.orders.get(&order.after.id.0);
            is(version, order.expected_version, "the order")?;
        }
        if let Some(delivery) = &change.delivery {
            let revision = self.deliveries.get(&delivery.after.order_id.0);
            is(revision, delivery.expected_revision, "the delivery")?;
        }
        for shipment in &change.shipments {
            let version = self.shipments.get(&shipment.after.id.0);
            is(version, shipment.expected_version, "the shipment")?;
        }
        let holds = change.holds.iter();
        let mut released = holds.filter_map(|hold| match hold {
            HoldChange::Release { id, .. } => Some(id.0),
            HoldChange::Place(_) => None,
        });
        if released.any(|id| !self.open_holds.contains(&id)) {
            return Err(Error::Conflict { what: "the hold" });
        }
        for moved in &change.reservations {
            let vendor = moved.vendor.to_string();
            let key = (change.order_id.0, moved.line, vendor);
            if !self.open_reservations.contains(&key) {
                return Err(Error::Conflict {
                    what: "the reservation",
                });
            }
        }
        Ok(())
    }
}

/// How many orders came to have which status, and left it.
#[derive(Default)]
pub struct Counts([i64; OrderStatus::ALL.len()]);

static COUNTS: Sql = Sql {
    text: "/* changes::counts */ INSERT INTO order_counts (deltas) VALUES ($1)",
    types: &[Type::INT8_ARRAY],
};

impl Counts {
    pub fn born(&mut self, status: OrderStatus) {
        self.0[status as usize] += 1;
    }

    pub fn moved(&mut self, from: OrderStatus, to: OrderStatus) {
        self.0[from as usize] -= 1;
        self.0[to as usize] += 1;
    }

    pub fn write(self, pipeline: &mut Pipeline<'_>) {
        if self.0.iter().any(|delta| *delta != 0) {
            pipeline.add(&COUNTS, params![self.0.to_vec()]);
        }
    }
}

/// Adds the writes of changes that were all taken in: orders, shipments, reservations, stock (summed), timers, work.
/// The log is the caller's last step.
pub fn write<'p>(pipeline: &mut Pipeline<'p>, changes: &[&'p Change]) {
    write_orders(pipeline, changes);
    for change in changes {
        let version = change.order.as_ref().map_or(0, |o| o.after.version);
        for hold in &change.holds {
            match hold {
                HoldChange::Place(hold) => place_hold(pipeline, change.order_id, version, hold),
                HoldChange::Release { id, at } => {
                    pipeline.add(&RELEASE_HOLD, params![change.order_id.0, id.0, at.0]);
                }
            }
        }
    }
    write_deliveries(pipeline, changes);
    write_shipments(pipeline, changes);
    move_reservations(pipeline, changes);
    write_timers(pipeline, changes);
    for change in changes {
        add_work(pipeline, &change.tenant, &change.work);
    }
}

static ORDERS: Sql = Sql {
    text: "/* changes::orders */ UPDATE orders o SET status = c.status, version = c.version, sourcing = c.sourcing, started = c.started, \
           failed = c.failed, cancelling_from = c.cancelling_from, updated_at = c.updated_at, completed_at = c.completed_at, \
           cancelled_at = c.cancelled_at, cancel_reason = c.cancel_reason \
           FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS c (id, status, version, sourcing, started, failed, cancelling_from, \
           updated_at, completed_at, cancelled_at, cancel_reason) WHERE o.id = c.id",
    types: &[
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::BOOL_ARRAY,
        Type::BOOL_ARRAY,
        Type::BOOL_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

static LINES: Sql = Sql {
    text: "/* changes::lines */ UPDATE order_lines l SET vendor = c.vendor, cancelled = c.cancelled, backordered = c.backordered, \
           reserved = c.reserved, in_shipment = c.in_shipment, shipped = c.shipped, delivered = c.delivered, returned = c.returned, lost = c.lost \
           FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS c (order_id, line, vendor, cancelled, backordered, reserved, \
           in_shipment, shipped, delivered, returned, lost) WHERE l.order_id = c.order_id AND l.line = c.line",
    types: &[
        Type::UUID_ARRAY,
        Type::INT2_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
    ],
};

fn write_orders<'p>(pipeline: &mut Pipeline<'p>, changes: &[&'p Change]) {
    let mut orders: BTreeMap<Uuid, &Order> = BTreeMap::new();
    let mut lines: BTreeMap<(Uuid, u16), &Line> = BTreeMap::new();
    let mut counts = Counts::default();
    for change in changes.iter().filter_map(|c| c.order.as_ref()) {
        let after = &change.after;
        orders.insert(after.id.0, after);
        counts.moved(change.status_before, after.status);
        for index in &change.changed_lines {
            let line = &after.lines[*index];
            lines.insert((after.id.0, line.id), line);
        }
    }
    if orders.is_empty() {
        return;
    }
    let o = || orders.values();
    pipeline.add(
        &ORDERS,
        params![
            o().map(|o| o.id.0).collect::<Vec<_>>(),
            o().map(|o| o.status.as_str()).collect::<Vec<_>>(),
            o().map(|o| o.version).collect::<Vec<_>>(),
            o().map(|o| o.flags.sourcing).collect::<Vec<_>>(),
            o().map(|o| o.flags.started).collect::<Vec<_>>(),
            o().map(|o| o.flags.failed).collect::<Vec<_>>(),
            o().map(|o| o.flags.cancelling_from.map(OrderStatus::as_str))
                .collect::<Vec<_>>(),
            o().map(|o| o.updated_at.0).collect::<Vec<_>>(),
            o().map(|o| o.completed_at.map(|t| t.0)).collect::<Vec<_>>(),
            o().map(|o| o.cancelled_at.map(|t| t.0)).collect::<Vec<_>>(),
            o().map(|o| o.cancel_reason.as_deref()).collect::<Vec<_>>(),
        ],
    );
    if !lines.is_empty() {
        let q = |of: fn(&Line) -> i64| lines.values().map(|l| of(l)).collect::<Vec<_>>();
        let vendors = lines
            .values()
            .map(|l| l.vendor.as_ref().map(Vendor::as_str));
        pipeline.add(
            &LINES,
            params![
                lines.keys().map(|(id, _)| *id).collect::<Vec<_>>(),
                lines
                    .keys()
                    .map(|(_, line)| small(*line))
                    .collect::<Vec<_>>(),
                vendors.collect::<Vec<_>>(),
                q(|l| l.quantities.cancelled),
                q(|l| l.quantities.backordered),
                q(|l| l.quantities.reserved),
                q(|l| l.quantities.in_shipment),
                q(|l| l.quantities.shipped),
                q(|l| l.quantities.delivered),
                q(|l| l.quantities.returned),
                q(|l| l.quantities.lost),
            ],
        );
    }
    counts.write(pipeline);
}

static PLACE_HOLD: Sql = Sql {
    text: "/* changes::place_hold */ INSERT INTO order_holds (order_id, id, reason, placed_at, placed_by) VALUES ($1, $2, $3, $4, $5)",
    types: &[Type::UUID, Type::UUID, Type::TEXT, Type::INT8, Type::TEXT],
};

static RELEASE_HOLD: Sql = Sql {
    text: "/* changes::release_hold */ UPDATE order_holds SET released_at = $3 WHERE order_id = $1 AND id = $2",
    types: &[Type::UUID, Type::UUID, Type::INT8],
};

static HOLD_NOTE: Sql = Sql {
    text: "/* changes::hold_note */ INSERT INTO order_personal (order_id, seq, kind, data) \
           SELECT $1, GREATEST($2, COALESCE(MAX(seq), 0) + 1), 'hold_note', $3 FROM order_personal WHERE order_id = $1",
    types: &[Type::UUID, Type::INT8, Type::TEXT],
};

/// Adds a new hold; what a person wrote about it goes where personal data stands.
pub fn place_hold<'p>(pipeline: &mut Pipeline<'p>, order: OrderId, version: i64, hold: &'p Hold) {
    pipeline.add(
        &PLACE_HOLD,
        params![
            order.0,
            hold.id.0,
            hold.reason.as_str(),
            hold.placed_at.0,
            hold.placed_by.as_str()
        ],
    );
    if let Some(note) = &hold.note {
        pipeline.add(
            &HOLD_NOTE,
            params![order.0, version, HoldNote::write(hold.id, note)],
        );
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

/// Rows by key, each with what the batch's first change of it expected: 0 makes a new one.
type States<'p, T> = BTreeMap<Uuid, (i64, &'p T)>;

/// Sorts the last states into those that are new and those that are written over.
fn split<'p, T>(states: &States<'p, T>) -> [Vec<&'p T>; 2] {
    let of = |new: bool| {
        let states = states.values();
        let wanted = states.filter(|(expected, _)| (*expected == 0) == new);
        wanted.map(|(_, state)| *state).collect()
    };
    [of(true), of(false)]
}

fn write_deliveries<'p>(pipeline: &mut Pipeline<'p>, changes: &[&'p Change]) {
    let mut states: States<'p, Delivery> = BTreeMap::new();
    for change in changes.iter().filter_map(|c| c.delivery.as_ref()) {
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
                d().map(|d| small(d.part)).collect::<Vec<_>>(),
                d().map(|d| d.state.as_str()).collect::<Vec<_>>(),
                d().map(|d| d.revision).collect::<Vec<_>>(),
                d().map(|d| d.version).collect::<Vec<_>>(),
                d().map(|d| d.heard).collect::<Vec<_>>(),
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
           tracking_number, carrier, created_at, updated_at, shipped_at, delivered_at, due_at) \
           SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    types: SHIPMENT,
};

static UPDATE_SHIPMENTS: Sql = Sql {
    text: "/* changes::update_shipments */ UPDATE shipments s SET status = c.status, version = c.version, tracking_number = c.tracking_number, \
           carrier = c.carrier, updated_at = c.updated_at, shipped_at = c.shipped_at, delivered_at = c.delivered_at, due_at = c.due_at \
           FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) AS c (id, order_id, tenant, part, vendor, \
           attempt, status, version, lines, tracking_number, carrier, created_at, updated_at, shipped_at, delivered_at, due_at) \
           WHERE s.id = c.id",
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
];

fn write_shipments<'p>(pipeline: &mut Pipeline<'p>, changes: &[&'p Change]) {
    let mut states: States<'p, Shipment> = BTreeMap::new();
    for change in changes.iter().flat_map(|c| &c.shipments) {
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
                s().map(|s| small(s.part)).collect::<Vec<_>>(),
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
            ],
        );
    }
}

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
    text: "/* changes::stock */ UPDATE stock s SET on_hand = s.on_hand - c.consumed, reserved = s.reserved - c.unreserved \
           FROM unnest($1, $2, $3, $4, $5) AS c (tenant, sku, vendor, consumed, unreserved) \
           WHERE s.tenant = c.tenant AND s.sku = c.sku AND s.vendor = c.vendor",
    types: &[
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
    ],
};

/// Units that leave reservations, and the stock rows behind them, each row once.
fn move_reservations<'p>(pipeline: &mut Pipeline<'p>, changes: &[&'p Change]) {
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
            stock.keys().map(|k| k.0).collect::<Vec<_>>(),
            stock.keys().map(|k| k.1).collect::<Vec<_>>(),
            stock.keys().map(|k| k.2).collect::<Vec<_>>(),
            stock.values().map(|v| v.0).collect::<Vec<_>>(),
            stock.values().map(|v| v.1).collect::<Vec<_>>(),
        ],
    );
}

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

/// Timers that a batch both sets and clears come to nothing. The shipment's version guards them: one that is gone has
/// fired in that version.
fn write_timers<'p>(pipeline: &mut Pipeline<'p>, changes: &[&'p Change]) {
    let mut set: BTreeMap<(u16, i64, Uuid), Uuid> = BTreeMap::new();
    let mut cleared: BTreeSet<(u16, i64, Uuid)> = BTreeSet::new();
    for change in changes {
        for timer in &change.timers {
            match timer {
                TimerChange::Set(t) => {
                    let key = (change.part, t.due_at.0, t.shipment_id.0);
                    cleared.remove(&key);
                    set.insert(key, t.order_id.0);
                }
                TimerChange::Clear(t) => {
                    let key = (change.part, t.due_at.0, t.shipment_id.0);
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

static ADD_WORK: Sql = Sql {
    text: "/* changes::add_work */ INSERT INTO work (id, target, tenant, order_id, due_at, body) \
           SELECT w.id, w.target, $1, w.order_id, w.due_at, w.body FROM unnest($2, $3, $4, $5, $6) AS w (id, target, order_id, due_at, body) \
           ON CONFLICT DO NOTHING",
    types: &[
        Type::TEXT,
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::UUID_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

/// Adds pieces of work; one that is there already is the same one again.
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
        ],
    );
}
