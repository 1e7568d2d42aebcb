//! Whether a pooler gives a session of the database to one client after another.
//!
//! Such a session keeps nothing of a client: no setting, no LISTEN, no lock. Durability does not depend on what is
//! found here, for every transaction sets its own.

use super::plain;
use crate::error::Result;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::Client;

/// A session of one's own answers at once.
const PATIENCE: Duration = Duration::from_secs(2);

const SESSION: &str = "SELECT pg_backend_pid()";

/// Looks with two clients of one address. A pooler gives the second one the session that the first has just used; or,
/// if another client was faster, gives the first one another session than before.
pub async fn is_shared(one: &Client, other: &Client) -> Result<bool> {
    let before = plain::cell(one, SESSION).await?;
    plain::begin(other, "").await?;
    let theirs = plain::cell(other, SESSION).await;
    let shared = match theirs {
        Ok(theirs) if theirs == before => Ok(true),
        // No answer: the pooler has no session left while the other client has one.
        Ok(_) => match timeout(PATIENCE, plain::cell(one, SESSION)).await {
            Ok(after) => after.map(|after| after != before),
            Err(_) => Ok(true),
        },
        Err(error) => Err(error),
    };
    // An error has ended the connection, and the transaction with it.
    let _ = plain::roll_back(other).await;
    shared
}
