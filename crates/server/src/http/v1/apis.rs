//! What each group of routes of `/v1` uses, and nothing else. `app` builds them.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use waybill_domain::money::Rounding;
use waybill_store::reads::Reads;
use waybill_store::{
    ArchiveStore, ClaimStore, ClientStore, Identity, InboxStore, LogStore, RelayStore, VendorStore,
};

use super::hub::Hub;
use crate::commands::{CommandQueue, OrderCommands, ShipmentCommands, StockCommands};
use crate::context::ContextSource;
use crate::http::requests::Requests;
use crate::intake::place::Placing;
use crate::resilience::shares::Shares;

/// Orders: placing, reading and commanding them.
pub struct OrdersApi {
    pub requests: Arc<Requests>,
    pub reads: Arc<Reads>,
    pub placing: Arc<Placing>,
    pub archive: Arc<dyn ArchiveStore>,
    pub commands: OrderCommands,
    /// Cursors name the store they are of.
    pub identity: Identity,
    pub rounding: Rounding,
}

/// Following orders: the stream of one, and the feed of all.
pub struct FollowApi {
    pub requests: Arc<Requests>,
    pub reads: Arc<Reads>,
    pub identity: Identity,
    pub hub: Arc<Hub>,
    /// What each client holds of the streams.
    pub streams: Arc<Shares>,
    /// Cancelled when the process is asked to stop; long answers end by it.
    pub stopping: CancellationToken,
    /// The longest wait without a wake-up.
    pub poll_interval: Duration,
}

/// Stock levels.
pub struct StockApi {
    pub requests: Arc<Requests>,
    pub reads: Arc<Reads>,
    pub commands: StockCommands,
    pub contexts: ContextSource,
    /// How often the stock of vendors is read.
    pub vendor_interval_ms: i64,
}

/// Shipments.
pub struct ShipmentsApi {
    pub requests: Arc<Requests>,
    pub reads: Arc<Reads>,
    pub commands: ShipmentCommands,
}

/// What comes from other stores.
pub struct InboxApi {
    pub requests: Arc<Requests>,
    pub reads: Arc<Reads>,
    pub inbox: Arc<dyn InboxStore>,
}

/// What processes counted.
pub struct SamplesApi {
    pub requests: Arc<Requests>,
    pub reads: Arc<Reads>,
    pub contexts: ContextSource,
}

/// Events that no consumer could apply.
pub struct DeadLettersApi {
    pub requests: Arc<Requests>,
    pub reads: Arc<Reads>,
    pub identity: Identity,
    pub log: Arc<dyn LogStore>,
    pub claims: Arc<dyn ClaimStore>,
}

/// The relay.
pub struct RelayApi {
    pub requests: Arc<Requests>,
    pub reads: Arc<Reads>,
    pub relay: Arc<dyn RelayStore>,
    pub claims: Arc<dyn ClaimStore>,
    pub contexts: ContextSource,
}

/// Clients of the token endpoint.
pub struct ClientsApi {
    pub requests: Arc<Requests>,
    pub reads: Arc<Reads>,
    pub store: Arc<dyn ClientStore>,
    pub claims: Arc<dyn ClaimStore>,
    pub contexts: ContextSource,
    pub queue: CommandQueue,
}

/// Vendors, and the readings of their stock.
pub struct VendorsApi {
    pub requests: Arc<Requests>,
    pub reads: Arc<Reads>,
    pub store: Arc<dyn VendorStore>,
    pub claims: Arc<dyn ClaimStore>,
    pub contexts: ContextSource,
    pub queue: CommandQueue,
    /// Whether http is allowed to vendors on other machines.
    pub plain_http: bool,
    /// How often stock is read.
    pub interval_ms: i64,
}
