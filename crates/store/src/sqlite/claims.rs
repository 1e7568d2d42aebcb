//! Claims: keys, references and numbers, each of which may belong to one order only.

use super::errors::IntoStore;
use super::rows::Columns;
use super::tx::Tx;
use crate::error::{Error, Result};
use crate::model::Accepted;
use rusqlite::{CachedStatement, Connection, params};
use waybill_domain::claim::{Claim, ClaimKind, Holder};
use waybill_domain::intake::NewOrder;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// The statement that takes claims, prepared once per batch.
pub struct Taker<'c> {
    insert: CachedStatement<'c>,
}

impl<'c> Taker<'c> {
    /// Prepares the statement.
    pub fn prepare(tx: &Tx<'c>) -> Result<Self> {
        let insert = tx
            .connection
            .prepare_cached(
                "INSERT INTO claims (tenant, kind, hash, order_id, body_hash, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
                 ON CONFLICT (hash, kind, tenant) DO UPDATE SET order_id = excluded.order_id, body_hash = excluded.body_hash, \
                 expires_at = excluded.expires_at WHERE claims.expires_at <= ?7 OR (claims.kind = 'duplicate' AND EXISTS \
                 (SELECT 1 FROM orders o WHERE o.id = claims.order_id AND o.status IN ('cancelled', 'failed') \
                 UNION ALL SELECT 1 FROM archived_orders a WHERE a.order_id = claims.order_id AND a.status IN ('cancelled', 'failed')))",
            )
            .store()?;
        Ok(Self { insert })
    }

    /// Takes all claims of an order. Returns the order's answer when another order holds one of them. An expired claim
    /// is taken over, and so is a fingerprint whose order was cancelled or failed (`claim::frees_duplicate`).
    pub fn take(&mut self, tx: &Tx<'_>, new: &NewOrder) -> Result<Option<Accepted>> {
        for (index, claim) in new.claims.iter().enumerate() {
            let taken = self
                .insert
                .execute(params![
                    new.tenant.as_str(),
                    claim.kind.as_str(),
                    &claim.hash[..],
                    new.id.bytes(),
                    &new.body_hash[..],
                    claim.expires_at.map(|t| t.0),
                    tx.now.0,
                ])
                .store()?;
            if taken == 0 {
                give_back(tx, new, index)?;
                return answer(tx.connection, new, claim).map(Some);
            }
        }
        Ok(None)
    }
}

/// Gives back the first `count` claims of an order that is not accepted.
pub fn give_back(tx: &Tx<'_>, new: &NewOrder, count: usize) -> Result<()> {
    for claim in &new.claims[..count] {
        tx.execute(
            "DELETE FROM claims WHERE tenant = ?1 AND kind = ?2 AND hash = ?3 AND order_id = ?4",
            params![
                new.tenant.as_str(),
                claim.kind.as_str(),
                &claim.hash[..],
                new.id.bytes()
            ],
        )?;
    }
    Ok(())
}

/// The present holder of a claim.
pub fn holder(
    connection: &Connection,
    tenant: &Tenant,
    kind: ClaimKind,
    hash: &[u8; 16],
    now: Time,
) -> Result<Option<Holder>> {
    let mut select = connection
        .prepare_cached("SELECT order_id, body_hash FROM claims WHERE tenant = ?1 AND kind = ?2 AND hash = ?3 AND (expires_at IS NULL OR expires_at > ?4)")
        .store()?;
    let mut rows = select
        .query(params![tenant.as_str(), kind.as_str(), &hash[..], now.0])
        .store()?;
    let Some(row) = rows.next().store()? else {
        return Ok(None);
    };
    let mut columns = Columns::of(row);
    Ok(Some(Holder {
        order_id: columns.order_id()?,
        body_hash: columns.get()?,
    }))
}

fn answer(connection: &Connection, new: &NewOrder, claim: &Claim) -> Result<Accepted> {
    let holder = holder(
        connection,
        &new.tenant,
        claim.kind,
        &claim.hash,
        Time(i64::MIN),
    )?;
    let holder = holder.ok_or_else(|| {
        Error::damaged_row("claims", "a claim that another order holds has no row")
    })?;
    Ok(Accepted::of_lost(new, claim, holder))
}

/// The last key that [`forget`] read; the next call continues after it.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    tenant: String,
    kind: String,
    hash: Vec<u8>,
}

/// Deletes up to `limit` expired claims among the next `scan` ones, in the order of their keys; after the last key it
/// begins again. A call reads a bounded number of claims so that it does not block the writer for long; an index by
/// expiry would slow down every order.
pub fn forget(tx: &Tx<'_>, walk: &mut Walk, now: Time, limit: usize, scan: usize) -> Result<usize> {
    let mut looked_at = 0;
    let mut expired = vec![];
    {
        let mut select = tx
            .connection
            .prepare_cached(
                "SELECT tenant, kind, hash, COALESCE(expires_at <= ?4, FALSE) FROM claims WHERE (hash, kind, tenant) > (?3, ?2, ?1) \
                 ORDER BY hash, kind, tenant LIMIT ?5",
            )
            .store()?;
        let mut rows = select
            .query(params![walk.tenant, walk.kind, walk.hash, now.0, scan])
            .store()?;
        while expired.len() < limit
            && let Some(row) = rows.next().store()?
        {
            looked_at += 1;
            let mut c = Columns::of(row);
            let key = Walk {
                tenant: c.get()?,
                kind: c.get()?,
                hash: c.get()?,
            };
            if c.get()? {
                expired.push(key.clone());
            }
            *walk = key;
        }
    }
    if looked_at < scan && expired.len() < limit {
        *walk = Walk::default();
    }
    for key in &expired {
        tx.execute(
            "DELETE FROM claims WHERE tenant = ?1 AND kind = ?2 AND hash = ?3",
            params![key.tenant, key.kind, key.hash],
        )?;
    }
    Ok(expired.len())
}
