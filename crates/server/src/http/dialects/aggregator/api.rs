//! What the routes of the aggregator dialect use, and nothing else. `app` builds them.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use waybill_domain::money::Rounding;
use waybill_store::reads::Reads;

use crate::auth::Identity;
use crate::commands::OrderCommands;
use crate::http::requests::Requests;
use crate::http::v1::hub::Hub;
use crate::intake::place::Placing;

/// Placing, reading, listing and cancelling orders.
pub struct AggregatorApi {
    pub requests: Arc<Requests>,
    pub reads: Arc<Reads>,
    pub placing: Arc<Placing>,
    pub commands: OrderCommands,
    /// Tells when delivery has answered a cancellation.
    pub hub: Arc<Hub>,
    pub stopping: CancellationToken,
    pub rounding: Rounding,
    /// Who calls without a token; `None` where every call needs one.
    pub guest: Option<Arc<Identity>>,
}
