//! The types that a store takes and returns, beyond those of the domain.

use crate::encoding::json;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use waybill_domain::change::Change;
use waybill_domain::delivery::Delivery;
use waybill_domain::event::{EventKind, LoggedEvent, NewEvent, body, encode};
use waybill_domain::ids::{EventId, OrderId, ShipmentId};
use waybill_domain::intake::{Birth, ClaimKind};
use waybill_domain::once::CommandClaim;
use waybill_domain::order::Order;
use waybill_domain::precondition::Preconditions;
use waybill_domain::refusal::Shortage;
use waybill_domain::shipment::{Shipment, ShipmentStatus};
use waybill_domain::status::OrderStatus;
use waybill_domain::stock::{self, Adjustment, AdjustmentRefusal, Ledger, StockLevel, StockRow};
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;
use waybill_domain::timer::Timer;

/// The identity of a store. `generation` is new at every restore, so that a cursor from before it is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub store_id: String,
    pub generation: String,
    /// How many partitions the log has; fixed when the store was made.
    pub partitions: u16,
    pub driver: &'static str,
    /// Whether this process alone writes the log, so that its listener gets every event.
    pub one_writer: bool,
}

/// A place in the log: a position in each partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions(pub Vec<i64>);

impl Positions {
    /// Before the first event of a log of so many partitions.
    #[must_use]
    pub fn beginning(partitions: u16) -> Self {
        Self(vec![0; usize::from(partitions)])
    }

    /// How many partitions there are.
    ///
    /// # Errors
    /// [`Error::Refused`] when they are more than a log can have.
    pub fn partitions(&self) -> Result<u16> {
        let count = self.0.len();
        u16::try_from(count).map_err(|_| Error::refused(format!("no log has {count} partitions")))
    }

    /// Sets the position in an existing partition.
    pub fn move_to(&mut self, partition: u16, position: i64) {
        if let Some(of_partition) = self.0.get_mut(usize::from(partition)) {
            *of_partition = position;
        }
    }

    /// The position in a partition; 0 for a partition that does not exist.
    #[must_use]
    pub fn of(&self, partition: u16) -> i64 {
        self.0.get(usize::from(partition)).copied().unwrap_or(0)
    }
}

/// The result of one order of a batch.
#[derive(Clone, Debug)]
pub enum Accepted {
    /// New, and durable.
    Created { number: i64, birth: Birth },
    /// Its claim was used before with the same body; `order_id` is the order that was made then.
    Replayed { order_id: OrderId },
    /// Its claim was used before with another body.
    Taken {
        kind: ClaimKind,
        order_id: OrderId,
        /// The hash of the body with which the claim was used.
        body_hash: [u8; 16],
    },
    /// Short of stock; nothing is held, its claims are free again.
    Short(Vec<Shortage>),
    /// The inventory service must be asked about these skus first; nothing is held.
    AskInventory(Vec<Sku>),
}

/// The right to work as a consumer on a partition, until another process takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub consumer: String,
    pub partition: u16,
    pub epoch: i64,
}

/// The processes of a consumer, and which of them holds which partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaseView {
    /// The owners that are alive, sorted by name, including the caller.
    pub members: Vec<String>,
    /// Leases that have not run out, by partition.
    pub held: Vec<HeldLease>,
}

/// A lease and its present owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLease {
    pub partition: u16,
    pub owner: String,
    pub epoch: i64,
    pub until: Time,
}

/// The changes that a consumer writes for one batch of events, together with its cursor.
#[derive(Clone, Debug)]
pub struct ConsumerBatch<E> {
    pub lease: Lease,
    /// The position that the cursor must have before the write.
    pub from: i64,
    /// The cursor's position after the write.
    pub to: i64,
    pub changes: Vec<Change<E>>,
    /// Events that could not be applied, and events of orders that are parked already.
    pub park: Vec<NewParked>,
}

/// An event to be parked.
#[derive(Clone, Debug)]
pub struct NewParked {
    pub event: LoggedEvent,
    /// Why the event could not be applied; `None` for the events that queue behind the first one of their order.
    pub error: Option<String>,
    pub next_attempt_at: Time,
}

/// The state of a parked event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParkedState {
    /// Parked: the event waits for its next try, or behind an event of its order that does.
    Waiting,
    /// A dead letter: no retry is left, and a person must decide.
    Dead,
    /// A person has asked for another try.
    Redrive,
    /// A person has asked to discard the event.
    Discard,
}

impl ParkedState {
    /// The word in the store and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Dead => "dead",
            Self::Redrive => "redrive",
            Self::Discard => "discard",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Dead, Self::Redrive, Self::Discard]
            .into_iter()
            .find(|s| s.as_str() == text)
    }
}

/// A parked event.
#[derive(Clone, Debug)]
pub struct Parked {
    pub consumer: String,
    pub event: LoggedEvent,
    pub state: ParkedState,
    pub error: Option<String>,
    pub attempts: u32,
    pub first_at: Time,
    pub last_at: Time,
    pub next_attempt_at: Time,
}

/// A person's request about a parked event: another try, or a discard.
#[derive(Clone, Debug)]
pub struct Flag {
    pub consumer: String,
    pub order: OrderId,
    pub position: i64,
    pub state: ParkedState,
    /// The key of the command, if it has one.
    pub claim: Option<CommandClaim>,
}

/// An order's delivery and shipments.
pub type DeliveryOf = (OrderId, Option<Delivery>, Vec<Shipment>);

/// Due timers with their shipments, and the due time of the first timer that is left out.
pub type DueTimers = (Vec<(Timer, Option<Shipment>)>, Option<Time>);

/// The result of retrying a parked event.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, never kept in number"
)]
pub enum ParkedOutcome<E> {
    /// Applied: it leaves the queue together with its effect.
    Applied(Option<Change<E>>),
    /// Failed again.
    Failed {
        error: String,
        state: ParkedState,
        next_attempt_at: Time,
    },
    /// Discarded: it leaves the queue without effect.
    Discarded,
}

/// An order as it is read: its present state and its constant content.
#[derive(Clone, Debug)]
pub struct OrderRecord {
    pub order: Order,
    pub number: i64,
    pub caller_number: Option<String>,
    /// JSON of `content::Content`.
    pub content: String,
    /// JSON of `content::Personal`, unless there was none or it was erased.
    pub personal: Option<String>,
    pub birth: Birth,
}

/// How a caller identifies an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderRef {
    Id(OrderId),
    /// One of our readable numbers.
    Number(i64),
    /// A number or reference the caller gave: its claim.
    Claim {
        kind: ClaimKind,
        hash: [u8; 16],
    },
}

/// Which orders a list shows; newest first.
#[derive(Clone, Debug, Default)]
pub struct OrderFilter {
    pub statuses: Vec<OrderStatus>,
    pub customer_id: Option<String>,
    pub sku: Option<String>,
    pub updated_since: Option<Time>,
    pub placed_from: Option<Time>,
    pub placed_to: Option<Time>,
    /// Only orders whose number is below this one.
    pub before: Option<i64>,
    pub limit: usize,
}

/// One page. `next` continues after it, and may be set even when the page is short, because a call reads a bounded
/// number of rows.
#[derive(Clone, Debug)]
pub struct Page<T, C> {
    pub items: Vec<T>,
    pub next: Option<C>,
}

/// A page of orders and the positions of the log at which exactly this was their state.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub page: Page<OrderRecord, i64>,
    pub positions: Positions,
}

/// Which shipments a list shows; newest first.
#[derive(Clone, Debug, Default)]
pub struct ShipmentFilter {
    pub order_id: Option<OrderId>,
    pub status: Option<ShipmentStatus>,
    pub before: Option<ShipmentId>,
    pub limit: usize,
}

/// A change of a stock row, requested through the API.
#[derive(Clone, Debug)]
pub struct StockChange {
    pub tenant: Tenant,
    pub sku: Sku,
    pub vendor: Vendor,
    pub adjustment: Adjustment,
    pub safety: Option<i64>,
    pub preconditions: Preconditions,
    /// The key of the command, if it has one.
    pub claim: Option<CommandClaim>,
    pub reason: Option<String>,
    pub reference: Option<String>,
    pub event_id: Uuid,
    pub meta: waybill_domain::context::EventMeta,
    pub at: Time,
}

impl StockChange {
    /// Decides the change on the present row: the level after it, the units to book as a movement, and the event. The
    /// ledger is needed where [`StockChange::reconciles`], and is not looked at otherwise.
    ///
    /// # Errors
    /// [`AdjustmentRefusal`]; nothing is to be written then.
    pub fn decide(
        &self,
        before: StockLevel,
        ledger: &Ledger,
    ) -> std::result::Result<(StockLevel, i64, NewEvent), AdjustmentRefusal> {
        // A row that does not exist has version 0, which no precondition names.
        let found = Some(before.version).filter(|version| *version > 0);
        self.preconditions.check(found)?;
        let (after, delta) = stock::adjust(before, self.adjustment, self.safety, ledger)?;
        let body = body::StockChange {
            sku: self.sku.clone(),
            vendor: self.vendor.clone(),
            delta,
            on_hand: after.on_hand,
            reason: self.reason.clone(),
        };
        let event = NewEvent {
            id: EventId(self.event_id),
            kind: EventKind::StockAdjusted,
            aggregate: stock::aggregate(&self.tenant, &self.sku, &self.vendor),
            seq: after.version,
            order_id: None,
            tenant: self.tenant.clone(),
            occurred_at: self.at,
            body: encode(&body),
            meta: self.meta.clone(),
        };
        Ok((after, delta, event))
    }

    /// Whether it is decided on the row's ledger too.
    #[must_use]
    pub fn reconciles(&self) -> bool {
        self.adjustment == Adjustment::Reconcile
    }

    /// The outcome kept for replays: the row after the change.
    #[must_use]
    pub fn outcome(&self, level: StockLevel) -> String {
        json(&StoredLevel {
            on_hand: level.on_hand,
            reserved: level.reserved,
            safety: level.safety,
            version: level.version,
            at: self.at.0,
        })
    }

    /// The row after the change was first done, read from its outcome; `None` when the outcome is invalid.
    #[must_use]
    pub fn replayed(&self, outcome: &str) -> Option<StockRow> {
        let stored: StoredLevel = serde_json::from_str(outcome).ok()?;
        let level = StockLevel {
            on_hand: stored.on_hand,
            reserved: stored.reserved,
            safety: stored.safety,
            version: stored.version,
        };
        Some(StockRow {
            synced_at: Time(stored.at),
            ..self.row(level)
        })
    }

    /// The row after it.
    #[must_use]
    pub fn row(&self, level: StockLevel) -> StockRow {
        StockRow {
            tenant: self.tenant.clone(),
            sku: self.sku.clone(),
            vendor: self.vendor.clone(),
            level,
            synced_at: self.at,
        }
    }
}

/// A stock row as the outcome of a command keeps it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredLevel {
    on_hand: i64,
    reserved: i64,
    safety: i64,
    version: i64,
    at: i64,
}

/// The result of a stock change: the row after it, or why it was refused.
pub type StockOutcome = std::result::Result<StockRow, AdjustmentRefusal>;

/// A piece of work, leased.
#[derive(Clone, Debug)]
pub struct LeasedWork {
    pub id: Uuid,
    pub target: String,
    pub tenant: Tenant,
    pub order_id: Option<OrderId>,
    pub body: String,
    pub attempts: u32,
    pub epoch: i64,
}

/// The result of a piece of work.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, never kept in number"
)]
pub enum WorkOutcome<E> {
    /// Done; the change that follows from it is written in the same transaction.
    Done(Option<Change<E>>),
    /// Failed; to be tried again at `due_at`.
    Again { error: String, due_at: Time },
}

/// Figures for people and metrics.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    pub orders_by_status: Vec<(OrderStatus, i64)>,
    /// The position of the newest event of each partition.
    pub log_positions: Positions,
    /// The cursor's position, per consumer and partition.
    pub cursors: Vec<(String, u16, i64)>,
    pub parked: i64,
    pub dead: i64,
    pub timers: i64,
    pub work: i64,
    pub wal_bytes: u64,
    pub queue_foreground: usize,
    pub queue_background: usize,
    pub readers: usize,
    pub readers_idle: usize,
    /// Transactions repeated since the start because of conflicts, and deadlocks, which the lock order should rule out.
    pub retries: u64,
    pub deadlocks: u64,
    /// How long the oldest transaction of another session of the database has been open, in milliseconds, as far as the
    /// role may see it; 0 when there is none. `None` for the embedded store, where the size of the write-ahead log
    /// shows it.
    pub oldest_snapshot_ms: Option<i64>,
}

/// The callers that found every connection of the pool taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolUse {
    /// Those that wait now.
    pub waiting: usize,
    /// How many have waited since the start, and the sum of their waits in milliseconds.
    pub waits: u64,
    pub waited_ms: u64,
}
