//! Whether a pooler gives a session of the database to one client after another.
//!
//! In such a session a client must keep no setting, no LISTEN and no lock. Durability does not depend on the result,
//! because every transaction sets its own.

use super::plain;
use crate::error::Result;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::Client;

/// How long to wait for an answer: a session that is not shared answers at once.
const PATIENCE: Duration = Duration::from_secs(2);

const SESSION: &str = "SELECT pg_backend_pid()";

/// Compares the sessions of two clients of one address. A pooler gives the second client the session that the first has
/// just used; or, if another client got that session, gives the first client a different one than before.
pub async fn is_shared(one: &Client, other: &Client) -> Result<bool> {
    let before = plain::cell(one, SESSION).await?;
    plain::begin(other, "").await?;
    let theirs = plain::cell(other, SESSION).await;
    let shared = match theirs {
        Ok(theirs) if theirs == before => Ok(true),
        // No answer means that the pooler has no session left while the other client has one.
        Ok(_) => match timeout(PATIENCE, plain::cell(one, SESSION)).await {
            Ok(after) => after.map(|after| after != before),
            Err(_) => Ok(true),
        },
        Err(error) => Err(error),
    };
    // No error: a failure has closed the connection, and the transaction with it.
    let _ = plain::roll_back(other).await;
    shared
}
