//! Work for external services: leased, done elsewhere, its result written back under a guard.

use super::changes::{self, OwnedRows};
use super::errors::IntoStore;
use super::rows::Columns;
use super::tx::Tx;
use crate::error::{Error, Result};
use crate::model::{LeasedWork, WorkOutcome};
use rusqlite::{Connection, params};
use uuid::Uuid;
use waybill_domain::explain::WaitingCall;
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// The targets that have work that is due and not leased. It goes from one target to the next along the index, however
/// much work each has.
pub fn targets(connection: &Connection, now: Time) -> Result<Vec<String>> {
    let mut select = connection
        .prepare_cached(
            "WITH RECURSIVE t (target) AS (SELECT MIN(target) FROM work UNION ALL \
             SELECT (SELECT MIN(w.target) FROM work w WHERE w.target > t.target) FROM t WHERE t.target IS NOT NULL) \
             SELECT t.target FROM t WHERE EXISTS (SELECT 1 FROM work w WHERE w.target = t.target AND w.due_at <= ?1 \
             AND (w.leased_until IS NULL OR w.leased_until <= ?1))",
        )
        .store()?;
    let found = select.query_map([now.0], |row| row.get(0)).store()?;
    found.collect::<rusqlite::Result<_>>().store()
}

/// Those of these pieces that are not done.
pub fn waiting(connection: &Connection, ids: &[Uuid]) -> Result<Vec<WaitingCall>> {
    let mut select = connection
        .prepare_cached("SELECT attempts, due_at, last_error FROM work WHERE id = ?1")
        .store()?;
    let mut found = vec![];
    for id in ids {
        let mut rows = select.query([id.as_bytes()]).store()?;
        if let Some(row) = rows.next().store()? {
            let mut c = Columns::of(row);
            found.push(WaitingCall {
                id: *id,
                attempts: c.get()?,
                due_at: c.time()?,
                last_error: c.get()?,
            });
        }
    }
    Ok(found)
}

/// Leases due work of a target. Work whose lease has run out is due again, under a new epoch.
pub fn lease(
    tx: &Tx<'_>,
    target: &str,
    now: Time,
    until: Time,
    limit: usize,
) -> Result<Vec<LeasedWork>> {
    let mut statement = tx
        .connection
        .prepare_cached(
            "UPDATE work SET unanswered = unanswered + (leased_until IS NOT NULL), leased_until = ?3, epoch = epoch + 1, \
             attempts = attempts + 1 WHERE id IN (SELECT id FROM work \
             WHERE target = ?1 AND due_at <= ?2 AND (leased_until IS NULL OR leased_until <= ?2) ORDER BY due_at LIMIT ?4) \
             RETURNING id, tenant, order_id, body, attempts, unanswered, epoch",
        )
        .store()?;
    let mut rows = statement
        .query(params![target, now.0, until.0, limit])
        .store()?;
    let mut leased = vec![];
    while let Some(row) = rows.next().store()? {
        let mut c = Columns::of(row);
        leased.push(LeasedWork {
            id: c.uuid("work id")?,
            target: target.to_owned(),
            tenant: c.text("tenant", |t| Some(Tenant::stored(t)))?,
            order_id: c.optional_uuid("order id")?.map(OrderId),
            body: c.get()?,
            attempts: c.get()?,
            unanswered: c.get()?,
            epoch: c.get()?,
        });
    }
    Ok(leased)
}

/// Records the result of leased work; under a lease that was taken over it changes nothing.
pub fn settle<E: OwnedRows>(
    tx: &mut Tx<'_>,
    id: Uuid,
    epoch: i64,
    target: &str,
    outcome: &WorkOutcome<E>,
) -> Result<()> {
    let changed = match outcome {
        WorkOutcome::Done(_) => tx.execute("DELETE FROM work WHERE id = ?1 AND epoch = ?2 AND leased_until IS NOT NULL", params![id.as_bytes(), epoch])?,
        WorkOutcome::Again { error, due_at, unanswered } => tx.execute(
            "UPDATE work SET leased_until = NULL, due_at = ?3, last_error = ?4, unanswered = unanswered + ?5 WHERE id = ?1 AND epoch = ?2 AND leased_until IS NOT NULL",
            params![id.as_bytes(), epoch, due_at.0, error, unanswered],
        )?,
    };
    if changed != 1 {
        return Err(Error::Fenced {
            consumer: target.to_owned(),
        });
    }
    match outcome {
        WorkOutcome::Done(Some(change)) => changes::write(tx, std::slice::from_ref(change)),
        WorkOutcome::Done(None) | WorkOutcome::Again { .. } => Ok(()),
    }
}
