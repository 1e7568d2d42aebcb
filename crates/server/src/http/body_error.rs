//! Why a request has no body.

use crate::resilience::budget::NoRoom;

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// 413.
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    /// 408.
    #[error("the body did not arrive within {timeout_ms} ms")]
    Timeout { timeout_ms: u64 },
    /// 503.
    #[error(
        "the bodies that are being sent take as much memory as they may, {limit} bytes (server.body_memory_bytes); nothing was done, send it again"
    )]
    NoRoom { limit: u64 },
    /// 503, of one client.
    #[error(
        "the bodies that this client is sending take as much memory as one client's may, {limit} bytes (server.client_share); nothing was done, send it again"
    )]
    NoShare { limit: u64 },
    /// 400: the client closed the connection or sent a body that is not valid HTTP. The answer may reach no client.
    #[error("the body broke off or is not valid HTTP")]
    Broken,
}

impl From<NoRoom> for BodyError {
    fn from(no_room: NoRoom) -> Self {
        match no_room {
            NoRoom::Total { limit } => Self::NoRoom { limit },
            NoRoom::Share { limit } => Self::NoShare { limit },
        }
    }
}
