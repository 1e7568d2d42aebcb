//! What one store says of the orders and shipments that it shares with another store, read on one snapshot.

use super::super::{Finding, Report, Tables};
use crate::encoding::read_copies;
use crate::error::{Error, Result};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;
use waybill_domain::delivery::DeliveryState;
use waybill_domain::event::body::ShipmentLine;
use waybill_domain::event::{Aggregate, AggregateKind, EventKind};
use waybill_domain::shipment::{ShipmentCopy, ShipmentStatus};
use waybill_domain::status::OrderStatus;

/// The first schema with an inbox.
const SINCE_SCHEMA: i64 = 9;

/// The inbox of a delivery service.
pub(super) const DELIVERY: &str = "delivery-inbox";
/// The inbox of an order service.
pub(super) const STATUS: &str = "status-inbox";

/// One of two stores that are compared.
#[derive(Debug, Default)]
pub struct Side {
    pub(super) store_id: String,
    pub(super) generation: String,
    pub(super) orders: HashMap<Uuid, OrderRow>,
    pub(super) shipments: HashMap<Uuid, ShipmentRow>,
    pub(super) deliveries: HashMap<Uuid, DeliveryRow>,
    /// The `seq` of the last event of each aggregate in this store's log.
    pub(super) log: HashMap<Aggregate, i64>,
    /// The `seq` of the newest event of these kinds, by order.
    pub(super) confirmed: HashMap<Uuid, i64>,
    pub(super) cancel_requested: HashMap<Uuid, i64>,
    /// By inbox and the other store's id.
    pub(super) taken: HashMap<(String, String), Taken>,
    /// Orders of which an inbox has parked or discarded an event.
    pub(super) waiting: HashSet<(String, Uuid)>,
    /// Cells that could not be read.
    pub(super) faults: Vec<Finding>,
}

/// What an inbox has taken of another store.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// The generations that were adopted.
    pub generations: HashSet<String>,
    /// The generation and the `seq` of the last event that was taken, by aggregate.
    pub marks: HashMap<Aggregate, (String, i64)>,
}

#[derive(Debug)]
pub(super) struct OrderRow {
    pub status: OrderStatus,
    pub copies: Vec<ShipmentCopy>,
    /// Units ordered and cancelled, by line.
    pub lines: HashMap<u16, (i64, i64)>,
}

#[derive(Debug)]
pub(super) struct ShipmentRow {
    pub order: Uuid,
    pub status: ShipmentStatus,
    pub version: i64,
    pub lines: Vec<ShipmentLine>,
    pub tracking_number: String,
    pub carrier: String,
}

#[derive(Debug)]
pub(super) struct DeliveryRow {
    pub state: DeliveryState,
    pub version: i64,
    pub last_order_seq: i64,
}

impl Side {
    /// Reads a store's side.
    ///
    /// # Errors
    /// The tables cannot be read, or are of a version that had no inbox.
    pub async fn read(tables: &mut dyn Tables) -> Result<Self> {
        let schema = tables.schema().await?;
        if schema < SINCE_SCHEMA {
            return Err(Error::open(
                format!(
                    "the store has schema {schema}; stores are compared from schema {SINCE_SCHEMA} on"
                ),
                "run `waybill migrate`",
            ));
        }
        let mut side = Self::default();
        let mut report = Report::default();
        side.read_identity(tables).await?;
        side.read_orders(tables, &mut report).await?;
        side.read_shipments(tables, &mut report).await?;
        side.read_deliveries(tables, &mut report).await?;
        side.read_taken(tables, &mut report).await?;
        side.read_log(tables).await?;
        side.faults = report.findings;
        Ok(side)
    }

    async fn read_identity(&mut self, tables: &mut dyn Tables) -> Result<()> {
        let sql = "SELECT key, value FROM meta WHERE key = 'store_id' OR key = 'generation'";
        let (store_id, generation) = (&mut self.store_id, &mut self.generation);
        let visit = &mut |row: &[String]| match row[0].as_str() {
            "store_id" => store_id.clone_from(&row[1]),
            _ => generation.clone_from(&row[1]),
        };
        tables.rows(sql, visit).await
    }

    async fn read_orders(&mut self, tables: &mut dyn Tables, report: &mut Report) -> Result<()> {
        let orders = &mut self.orders;
        let visit = &mut |row: &[String]| {
            let subject = format!("order {}", row[0]);
            let id = report.number("I9", &subject, "id", &row[0]);
            let status = report.known("I9", &subject, "status", &row[1], OrderStatus::parse);
            let copies = match row[2].as_str() {
                "" => Some(vec![]),
                text => report.known("I9", &subject, "shipments", text, read_copies),
            };
            let (Some(id), Some(status), Some(copies)) = (id, status, copies) else {
                return;
            };
            let lines = HashMap::new();
            orders.insert(
                id,
                OrderRow {
                    status,
                    copies,
                    lines,
                },
            );
        };
        tables
            .rows("SELECT id, status, shipments FROM orders", visit)
            .await?;
        let visit = &mut |row: &[String]| {
            let subject = format!("order {} line {}", row[0], row[1]);
            let id: Option<Uuid> = report.number("I9", &subject, "order_id", &row[0]);
            let line = report.number("I9", &subject, "line", &row[1]);
            let ordered = report.number("I9", &subject, "ordered", &row[2]);
            let cancelled = report.number("I9", &subject, "cancelled", &row[3]);
            let order = id.and_then(|id| orders.get_mut(&id));
            if let (Some(order), Some(line)) = (order, line) {
                order.lines.extend(Some(line).zip(ordered.zip(cancelled)));
            }
        };
        let sql = "SELECT order_id, line, ordered, cancelled FROM order_lines";
        tables.rows(sql, visit).await
    }

    async fn read_shipments(&mut self, tables: &mut dyn Tables, report: &mut Report) -> Result<()> {
        let shipments = &mut self.shipments;
        let visit = &mut |row: &[String]| {
            let subject = format!("shipment {}", row[0]);
            let id = report.number("I9", &subject, "id", &row[0]);
            let order = report.number("I9", &subject, "order_id", &row[1]);
            let status = report.known("I9", &subject, "status", &row[2], ShipmentStatus::parse);
            let version = report.number("I9", &subject, "version", &row[3]);
            // No error: a cell that cannot be read becomes a finding.
            let lines = |text: &str| serde_json::from_str(text).ok();
            let lines = report.known("I9", &subject, "lines", &row[4], lines);
            let (Some(id), Some(order), Some(status)) = (id, order, status) else {
                return;
            };
            let (Some(version), Some(lines)) = (version, lines) else {
                return;
            };
            let shipment = ShipmentRow {
                order,
                status,
                version,
                lines,
                tracking_number: row[5].clone(),
                carrier: row[6].clone(),
            };
            shipments.insert(id, shipment);
        };
        let sql =
            "SELECT id, order_id, status, version, lines, tracking_number, carrier FROM shipments";
        tables.rows(sql, visit).await
    }

    async fn read_deliveries(
        &mut self,
        tables: &mut dyn Tables,
        report: &mut Report,
    ) -> Result<()> {
        let deliveries = &mut self.deliveries;
        let visit = &mut |row: &[String]| {
            let subject = format!("delivery of order {}", row[0]);
            let order = report.number("I9", &subject, "order_id", &row[0]);
            let state = report.known("I9", &subject, "state", &row[1], DeliveryState::parse);
            let version = report.number("I9", &subject, "version", &row[2]);
            let seq = report.number("I9", &subject, "heard", &row[3]);
            let (Some(order), Some(state)) = (order, state) else {
                return;
            };
            if let (Some(version), Some(last_order_seq)) = (version, seq) {
                let delivery = DeliveryRow {
                    state,
                    version,
                    last_order_seq,
                };
                deliveries.insert(order, delivery);
            }
        };
        let sql = "SELECT order_id, state, version, heard FROM deliveries";
        tables.rows(sql, visit).await
    }

    async fn read_taken(&mut self, tables: &mut dyn Tables, report: &mut Report) -> Result<()> {
        let taken = &mut self.taken;
        let visit = &mut |row: &[String]| {
            let of = taken.entry((row[0].clone(), row[1].clone())).or_default();
            of.generations.insert(row[2].clone());
        };
        let sql = "SELECT s.consumer, s.store_id, g.generation FROM inbox_sources s \
                   JOIN inbox_generations g ON g.source = s.id WHERE g.number IS NOT NULL";
        tables.rows(sql, visit).await?;
        let visit = &mut |row: &[String]| {
            let subject = format!("watermark of {} for {} {}", row[0], row[3], row[4]);
            let kind = report.known("I8", &subject, "stream", &row[3], AggregateKind::parse);
            let id = report.number("I8", &subject, "aggregate_id", &row[4]);
            let seq = report.number("I8", &subject, "seq", &row[5]);
            if let (Some(kind), Some(id), Some(seq)) = (kind, id, seq) {
                let of = taken.entry((row[0].clone(), row[1].clone())).or_default();
                let mark = (row[2].clone(), seq);
                of.marks.insert(Aggregate { kind, id }, mark);
            }
        };
        let sql = "SELECT s.consumer, s.store_id, g.generation, w.stream, w.aggregate_id, w.seq FROM inbox_watermarks w \
                   JOIN inbox_sources s ON s.id = w.source \
                   JOIN inbox_generations g ON g.source = w.source AND g.number = w.generation";
        tables.rows(sql, visit).await?;
        let waiting = &mut self.waiting;
        let visit = &mut |row: &[String]| {
            let order = report.number("I9", "a parked or discarded event", "order_id", &row[1]);
            waiting.extend(order.map(|order| (row[0].clone(), order)));
        };
        let sql =
            "SELECT consumer, order_id FROM parked UNION SELECT consumer, order_id FROM discards";
        tables.rows(sql, visit).await
    }

    async fn read_log(&mut self, tables: &mut dyn Tables) -> Result<()> {
        let visit = &mut |logged: waybill_domain::event::LoggedEvent| {
            let event = logged.event;
            let last = self.log.entry(event.aggregate).or_default();
            *last = event.seq.max(*last);
            match event.kind {
                EventKind::OrderConfirmed => {
                    self.confirmed.insert(event.aggregate.id, event.seq);
                }
                EventKind::OrderCancelRequested => {
                    self.cancel_requested.insert(event.aggregate.id, event.seq);
                }
                _ => {}
            }
        };
        tables.events(visit).await
    }

    /// What this store's inbox has taken of the other store.
    pub(super) fn taken_from(&self, other: &Self, inbox: &str) -> Option<&Taken> {
        self.taken.get(&(inbox.to_owned(), other.store_id.clone()))
    }

    /// Whether events of the order were parked or discarded by an inbox, so that its effects may be missing.
    pub(super) fn waits(&self, inbox: &str, order: Uuid) -> bool {
        self.waiting.contains(&(inbox.to_owned(), order))
    }
}

impl Taken {
    /// The `seq` of the last event of an aggregate that was taken; 0 before the first.
    pub fn seq(&self, kind: AggregateKind, id: Uuid) -> i64 {
        let mark = self.marks.get(&Aggregate { kind, id });
        mark.map_or(0, |(_, seq)| *seq)
    }
}
