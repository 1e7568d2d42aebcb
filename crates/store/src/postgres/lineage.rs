//! The line of history of a database: its cluster, the cluster's timeline, and the database in it. Recorded by a
//! migration and compared when the store is opened.
//!
//! Another line than the recorded one means that the database was restored or that a standby was promoted. Whether data
//! was lost cannot be detected from the database itself: a synchronous standby and a backup from an hour ago look the
//! same. So Waybill warns, and a person accepts the new line: `waybill migrate --restored` or `--nothing-lost`.
//! Invariant: nothing here keeps a store from being opened, because a failover must not wait for a person.

use super::plain;
use crate::error::Result;
use tokio_postgres::Client;

const KEY: &str = "lineage";

/// Reads the present line of history; null on a standby, which has none of its own.
const FOUND: &str = "SELECT CASE WHEN pg_is_in_recovery() THEN NULL ELSE \
    (SELECT system_identifier FROM pg_control_system()) || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) || '/' || \
    (SELECT oid FROM pg_database WHERE datname = current_database()) END";

/// What an operator does about another line.
pub const ADVICE: &str = "if it was restored from a backup, or failed over to a standby that commits did not wait for: stop every process of \
    Waybill and run `waybill migrate --restored`; if nothing was lost: `waybill migrate --nothing-lost`";

/// The recorded line and the present one; each `None` when it cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    noted: Option<String>,
    found: Option<String>,
}

impl Lineage {
    /// The difference in words; `None` when the lines are equal or one is unknown.
    pub fn change(&self) -> Option<String> {
        let (noted, found) = (self.noted.as_deref()?, self.found.as_deref()?);
        if noted == found {
            return None;
        }
        let names = ["cluster", "timeline", "database"];
        let pairs = names
            .into_iter()
            .zip(noted.split('/').zip(found.split('/')));
        let changes: Vec<String> = pairs
            .filter(|(_, (was, is))| was != is)
            .map(|(name, (was, is))| format!("{name} {} (was {})", plain(is), plain(was)))
            .collect();
        Some(changes.join(", "))
    }
}

/// Timelines are written with leading zeros in the names of log files.
fn plain(number: &str) -> &str {
    let plain = number.trim_start_matches('0');
    if plain.is_empty() { number } else { plain }
}

/// Reads the recorded line and the present one.
pub async fn look(client: &Client) -> Result<Lineage> {
    let noted = format!("SELECT value FROM meta WHERE key = '{KEY}'");
    Ok(Lineage {
        noted: plain::cell(client, &noted).await?,
        // Some hosted servers do not allow these functions. The line is only compared for a warning, so the store works
        // without it.
        found: plain::cell(client, FOUND).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "the server does not show its line of history");
            None
        }),
    })
}

/// Records the present line if none is recorded; with `accept`, records it over an earlier one too.
pub async fn note(client: &Client, accept: bool) -> Result<Lineage> {
    let lineage = look(client).await?;
    if let Some(found) = lineage.found.as_ref()
        && (accept || lineage.noted.is_none())
    {
        // The line consists of digits and slashes, so no character needs quoting.
        let sql = format!(
            "INSERT INTO meta (key, value) VALUES ('{KEY}', '{found}') ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        );
        plain::change(client, &sql).await?;
    }
    Ok(lineage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(noted: Option<&str>, found: Option<&str>) -> Option<String> {
        let (noted, found) = (noted.map(str::to_owned), found.map(str::to_owned));
        Lineage { noted, found }.change()
    }

    #[test]
    fn a_change_is_told_in_its_parts_and_what_is_not_known_is_none() {
        let noted = Some("71/00000001/5");
        assert_eq!(change(noted, noted), None);
        assert_eq!(change(None, noted), None);
        assert_eq!(change(noted, None), None);
        let told = change(noted, Some("71/0000000A/5"));
        assert_eq!(told.as_deref(), Some("timeline A (was 1)"));
        let told = change(noted, Some("72/00000001/6"));
        assert_eq!(
            told.as_deref(),
            Some("cluster 72 (was 71), database 6 (was 5)")
        );
    }
}
