//! What the health routes look at.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use waybill_broker::link::Link;
use waybill_domain::service::Service;
use waybill_domain::time::Time;
use waybill_store::{InboxStore, StoreBase, VendorStore};

use crate::context::ContextSource;
use crate::inventory::Guarded;
use crate::redis::Redis;

/// What the health routes check.
pub struct HealthApi {
    pub store: Arc<dyn StoreBase>,
    pub inventory: Option<Arc<Guarded>>,
    /// Which of two services that exchange events the store belongs to.
    pub service: Option<Service>,
    /// The connection to a broker.
    pub broker: Option<Arc<Link>>,
    pub redis: Option<Redis>,
    /// There where events of other stores are taken.
    pub inbox: Option<Arc<dyn InboxStore>>,
    pub vendors: Arc<dyn VendorStore>,
    /// How often the stock of vendors is read.
    pub vendor_interval_ms: i64,
    pub contexts: ContextSource,
    pub started_at: Time,
    /// Cancelled when the process is asked to stop.
    pub stopping: CancellationToken,
}
