//! A change of a stock row, and its result.

use crate::encoding::json;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use waybill_domain::change::NewWork;
use waybill_domain::event::{EventKind, NewEvent, SCHEMA_VERSION, body, encode};
use waybill_domain::ids::EventId;
use waybill_domain::once::CommandClaim;
use waybill_domain::precondition::Preconditions;
use waybill_domain::sourcing_task::SourcingTask;
use waybill_domain::stock::{self, Adjustment, AdjustmentRefusal, Ledger, StockLevel, StockRow};
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;

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
    /// Decides the change on the present row. The ledger is needed where [`StockChange::reconciles`], and is not looked at
    /// otherwise.
    ///
    /// # Errors
    /// [`AdjustmentRefusal`]; nothing is to be written then.
    pub fn decide(
        &self,
        before: StockLevel,
        ledger: &Ledger,
    ) -> std::result::Result<Decided, AdjustmentRefusal> {
        // A row that does not exist has version 0, which no precondition names.
        let found = Some(before.version).filter(|version| *version > 0);
        self.preconditions.check(found)?;
        let (after, delta) = stock::adjust(before, self.adjustment, self.safety, ledger)?;
        let body = body::StockChange {
            sku: self.sku.clone(),
            vendor: self.vendor.clone(),
            delta,
            on_hand: after.counted(),
            shortfall: after.short(),
            reason: self.reason.clone(),
        };
        let event = NewEvent {
            id: EventId(self.event_id),
            schema_version: SCHEMA_VERSION,
            kind: if after.short() > 0 {
                EventKind::StockShortage
            } else {
                EventKind::StockAdjusted
            },
            aggregate: stock::aggregate(&self.tenant, &self.sku, &self.vendor),
            seq: after.version,
            order_id: None,
            tenant: self.tenant.clone(),
            occurred_at: self.at,
            body: encode(&body),
            meta: self.meta.clone(),
        };
        let id = self.event_id;
        let work = if after.short() > 0 {
            vec![SourcingTask::take_back(id, &self.sku, self.at)]
        } else if after.available() > before.available() {
            vec![SourcingTask::fill(
                id,
                &self.sku,
                Some(&self.vendor),
                self.at,
            )]
        } else {
            vec![]
        };
        Ok(Decided {
            after,
            delta,
            event,
            work,
        })
    }

    /// For a vendor's figure: since when what the vendor agreed to counts as not in it.
    #[must_use]
    pub fn asked_at(&self) -> Option<Time> {
        match self.adjustment {
            Adjustment::Snapshot { asked_at, .. } => Some(asked_at),
            Adjustment::Count(_) | Adjustment::Delta(_) | Adjustment::Reconcile => None,
        }
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
            shortfall: level.shortfall,
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
            shortfall: stored.shortfall,
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

/// What a change of a stock row writes.
pub struct Decided {
    pub after: StockLevel,
    /// The units to book as a movement.
    pub delta: i64,
    pub event: NewEvent,
    /// What orders get of it, or give back.
    pub work: Vec<NewWork>,
}

/// A stock row as the outcome of a command keeps it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredLevel {
    on_hand: i64,
    reserved: i64,
    safety: i64,
    #[serde(default)]
    shortfall: i64,
    version: i64,
    at: i64,
}

/// The result of a stock change: the row after it, or why it was refused.
pub type StockOutcome = std::result::Result<StockRow, AdjustmentRefusal>;
