//! What the routes of the sales dialect use, and nothing else. `app` builds them.

use std::sync::Arc;

use waybill_domain::money::Rounding;
use waybill_domain::time::Time;
use waybill_store::reads::Reads;
use waybill_store::{LogStore, Store, StoreBase};

use crate::carrier::SimulatedCarrier;
use crate::commands::ShipmentCommands;
use crate::context::ContextSource;
use crate::http::access::Access;
use crate::http::requests::Requests;
use crate::intake::place::Placing;
use crate::inventory::Guarded;
use crate::observe::metrics::Metrics;

/// Placing and reading orders, and moving their shipments by hand.
pub struct SalesApi {
    pub requests: Arc<Requests>,
    pub reads: Arc<Reads>,
    pub placing: Arc<Placing>,
    /// Where an order's status is read before its shipments are moved.
    pub orders: Arc<dyn Store>,
    pub shipments: ShipmentCommands,
    pub log: Arc<dyn LogStore>,
    pub carrier: SimulatedCarrier,
    /// Whether shipments live in another service's store, so that none can be moved here.
    pub delivery_is_elsewhere: bool,
    pub rounding: Rounding,
}

/// The figures of `GET /api/metrics`.
pub struct SalesFigures {
    pub access: Access,
    pub metrics: Arc<Metrics>,
    pub store: Arc<dyn StoreBase>,
    pub inventory: Option<Arc<Guarded>>,
    pub contexts: ContextSource,
    pub started_at: Time,
}
