//! Transactions of other sessions that keep the database from removing rows that were replaced since they began.
//!
//! A role sees the transactions of its own sessions; those of others only with `pg_monitor`. Prepared transactions and
//! replication slots, which keep rows too, have no session and are not looked at.

use super::pipeline::Sql;
use super::plain;
use crate::error::{Error, Result};
use tokio_postgres::Client;

/// Sessions of this database with a snapshot or a transaction id. VACUUM run by the database itself is not one: it keeps
/// no row from being removed.
macro_rules! holders {
    () => {
        "FROM pg_stat_activity WHERE (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) \
         AND datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    };
}

/// The age of the oldest snapshot, in milliseconds; 0 when there is none.
pub static OLDEST_MS: Sql = Sql {
    text: concat!(
        "/* snapshots::oldest */ SELECT COALESCE(max(extract(epoch FROM clock_timestamp() - xact_start) * 1000), 0)::bigint ",
        holders!()
    ),
    types: &[],
};

/// The oldest snapshot, for a message.
const OLDEST: &str = concat!(
    "SELECT extract(epoch FROM clock_timestamp() - xact_start)::bigint, \
     'process ' || pid || ', user ' || usename || ', program ' || application_name ",
    holders!(),
    " ORDER BY xact_start LIMIT 1"
);

/// An open transaction and its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenTransaction {
    pub seconds: i64,
    /// Process id, user and program.
    pub session: String,
}

/// The transaction that has been open for longest; `None` when there is none.
pub async fn oldest(client: &Client) -> Result<Option<OpenTransaction>> {
    let first = plain::rows(client, OLDEST).await?.into_iter().next();
    let Some(row) = first else { return Ok(None) };
    let damaged = || Error::damaged_row("pg_stat_activity", "a transaction has no age");
    let [seconds, session] = <[String; 2]>::try_from(row).map_err(|_| damaged())?;
    let seconds = seconds.parse().map_err(|_| damaged())?;
    Ok(Some(OpenTransaction { seconds, session }))
}

/// Whether this role sees the transactions of others.
pub async fn sees_others(client: &Client) -> Result<bool> {
    let may = "SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')";
    Ok(plain::cell(client, may).await?.as_deref() == Some("t"))
}
