//! What the routes of the services dialect use, and nothing else. `app` builds them.

use std::sync::Arc;

use waybill_domain::money::Rounding;
use waybill_store::reads::Reads;

use crate::auth::{Clients, Identity};
use crate::commands::ShipmentCommands;
use crate::config::Auth;
use crate::http::requests::Requests;
use crate::intake::place::Placing;
use crate::resilience::shared_limit::Limiter;
use crate::resilience::wrong_secrets::WrongSecrets;

/// Placing and reading orders.
pub struct ServicesApi {
    pub requests: Arc<Requests>,
    pub reads: Arc<Reads>,
    pub placing: Arc<Placing>,
    pub rounding: Rounding,
    /// For how long the same order is the first one again, in milliseconds.
    pub duplicate_window_ms: i64,
}

/// Reading and moving shipments.
pub struct DeliveriesApi {
    pub requests: Arc<Requests>,
    pub reads: Arc<Reads>,
    pub commands: ShipmentCommands,
    /// Who calls without a token; `None` where every call needs one.
    pub guest: Option<Arc<Identity>>,
}

/// Issuing and inspecting tokens.
pub struct TokensApi {
    pub requests: Arc<Requests>,
    pub clients: Clients,
    /// By the caller's address; `None` when the limit is off.
    pub limiter: Option<Limiter>,
    /// `None` when the limit is off.
    pub wrong_secrets: Option<WrongSecrets>,
    pub auth: Auth,
    /// Whether anyone may inspect a token; else only clients with their secret.
    pub is_inspection_open: bool,
}
