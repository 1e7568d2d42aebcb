//! Claims: keys, references and numbers, each of which may belong to one order only.

use super::pipeline::{Handle, Pipeline, Rows, Sql, params};
use super::rows::{Columns, count};
use super::transaction::Commits;
use crate::error::{Error, Result};
use crate::model::Accepted;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::claim::{Claim, ClaimKind, Holder};
use waybill_domain::ids::OrderId;
use waybill_domain::intake::NewOrder;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

static TAKE: Sql = Sql {
    text: "/* claims::take */ INSERT INTO claims AS c (tenant, kind, hash, order_id, body_hash, expires_at) \
           SELECT * FROM unnest($1, $2, $3, $4, $5, $6) \
           ON CONFLICT (hash, kind, tenant) DO UPDATE SET order_id = excluded.order_id, body_hash = excluded.body_hash, \
           expires_at = excluded.expires_at WHERE c.expires_at <= $7 OR (c.kind = 'duplicate' AND EXISTS \
           (SELECT 1 FROM orders o WHERE o.id = c.order_id AND o.status IN ('cancelled', 'failed') \
           UNION ALL SELECT 1 FROM archived_orders a WHERE a.order_id = c.order_id AND a.status IN ('cancelled', 'failed'))) RETURNING tenant, kind, hash",
    types: &[
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::UUID_ARRAY,
        Type::UUID_ARRAY,
        Type::UUID_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8,
    ],
};

static HOLDERS: Sql = Sql {
    text: "/* claims::holders */ SELECT c.tenant, c.kind, c.hash, c.order_id, c.body_hash FROM unnest($1, $2, $3) AS k (tenant, kind, hash) \
           JOIN claims c USING (tenant, kind, hash)",
    types: &[Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::UUID_ARRAY],
};

static GIVE_BACK: Sql = Sql {
    text: "/* claims::give_back */ DELETE FROM claims c USING unnest($1, $2, $3, $4) AS k (tenant, kind, hash, order_id) \
           WHERE c.tenant = k.tenant AND c.kind = k.kind AND c.hash = k.hash AND c.order_id = k.order_id",
    types: &[
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::UUID_ARRAY,
        Type::UUID_ARRAY,
    ],
};

static HOLDER: Sql = Sql {
    text: "/* claims::holder */ SELECT order_id FROM claims WHERE tenant = $1 AND kind = $2 AND hash = $3 AND (expires_at IS NULL OR expires_at > $4)",
    types: &[Type::TEXT, Type::TEXT, Type::UUID, Type::INT8],
};

/// A claim's primary key: tenant, kind and hash.
type Key = (String, &'static str, Uuid);

fn key(tenant: &Tenant, claim: &Claim) -> Key {
    (
        tenant.as_str().to_owned(),
        claim.kind.as_str(),
        Uuid::from_bytes(claim.hash),
    )
}

/// Splits the indexes of a batch: first the orders whose claims no earlier order of the batch has, then the others.
/// These are tried in a later batch, when the result of the earlier order is known.
pub fn split_collisions(orders: &[Arc<NewOrder>]) -> (Vec<usize>, Vec<usize>) {
    let mut seen = HashSet::new();
    (0..orders.len()).partition(|index| {
        let new = &orders[*index];
        let keys: Vec<Key> = new.claims.iter().map(|c| key(&new.tenant, c)).collect();
        let free = keys.iter().all(|key| !seen.contains(key));
        // A deferred order's claims count as seen too, so that a third order waits for both.
        seen.extend(keys);
        free
    })
}

/// Claims of a batch, each once, in the order in which they are locked.
fn sorted(orders: &[Arc<NewOrder>]) -> Vec<(&NewOrder, &Claim)> {
    let each = orders.iter();
    let mut all: Vec<(&NewOrder, &Claim)> = each
        .flat_map(|new| new.claims.iter().map(move |claim| (&**new, claim)))
        .collect();
    all.sort_unstable_by_key(|(new, c)| (c.hash, c.kind.as_str(), new.tenant.as_str()));
    all
}

/// Takes all claims of a batch; the answer says which were taken. An expired claim does not stand in the
/// way, nor does a fingerprint whose order was cancelled or failed (`claim::frees_duplicate`).
pub fn take<'p>(
    pipeline: &mut Pipeline<'p>,
    orders: &'p [Arc<NewOrder>],
    now: Time,
) -> Handle<Rows> {
    let all = sorted(orders);
    let each = all.iter();
    pipeline.add(
        &TAKE,
        params![
            each.clone()
                .map(|(n, _)| n.tenant.as_str())
                .collect::<Vec<_>>(),
            each.clone()
                .map(|(_, c)| c.kind.as_str())
                .collect::<Vec<_>>(),
            each.clone()
                .map(|(_, c)| Uuid::from_bytes(c.hash))
                .collect::<Vec<_>>(),
            each.clone().map(|(n, _)| n.id.0).collect::<Vec<_>>(),
            each.clone()
                .map(|(n, _)| Uuid::from_bytes(n.body_hash))
                .collect::<Vec<_>>(),
            each.map(|(_, c)| c.expires_at.map(|t| t.0))
                .collect::<Vec<_>>(),
            now.0,
        ],
    )
}

/// The claims that were not taken, with the orders that asked for them.
pub fn lost<'o>(orders: &'o [Arc<NewOrder>], taken: &[Row]) -> Result<Vec<(usize, &'o Claim)>> {
    let asked: usize = orders.iter().map(|new| new.claims.len()).sum();
    if taken.len() == asked {
        return Ok(vec![]);
    }
    let mut won: HashSet<(&str, &str, Uuid)> = HashSet::with_capacity(taken.len());
    for row in taken {
        let mut c = Columns::of(row);
        won.insert((c.get()?, c.get()?, c.get()?));
    }
    let mut lost = vec![];
    for (index, new) in orders.iter().enumerate() {
        let missing = new.claims.iter().find(|claim| {
            let hash = Uuid::from_bytes(claim.hash);
            !won.contains(&(new.tenant.as_str(), claim.kind.as_str(), hash))
        });
        lost.extend(missing.map(|claim| (index, claim)));
    }
    Ok(lost)
}

/// Asks who holds lost claims. The INSERT that lost them does not see rows that were committed while it waited, so this
/// is a statement of its own.
pub fn ask_holders<'p>(
    pipeline: &mut Pipeline<'p>,
    orders: &'p [Arc<NewOrder>],
    lost: &[(usize, &'p Claim)],
) -> Handle<Rows> {
    let each = lost.iter();
    pipeline.add(
        &HOLDERS,
        params![
            each.clone()
                .map(|(index, _)| orders[*index].tenant.as_str())
                .collect::<Vec<_>>(),
            each.clone()
                .map(|(_, c)| c.kind.as_str())
                .collect::<Vec<_>>(),
            each.map(|(_, c)| Uuid::from_bytes(c.hash))
                .collect::<Vec<_>>(),
        ],
    )
}

/// The results of the orders that lost a claim, by their index.
pub fn answers(
    orders: &[Arc<NewOrder>],
    lost: &[(usize, &Claim)],
    holders: &[Row],
) -> Result<HashMap<usize, Accepted>> {
    let mut by_key: HashMap<(&str, &str, Uuid), (Uuid, Uuid)> = HashMap::new();
    for row in holders {
        let mut c = Columns::of(row);
        by_key.insert((c.get()?, c.get()?, c.get()?), (c.get()?, c.get()?));
    }
    let mut answers = HashMap::with_capacity(lost.len());
    for (index, claim) in lost {
        let new = &orders[*index];
        let hash = Uuid::from_bytes(claim.hash);
        let (order_id, body_hash) = by_key
            .get(&(new.tenant.as_str(), claim.kind.as_str(), hash))
            .ok_or_else(|| {
                Error::damaged_row("claims", "a claim that another order holds has no row")
            })?;
        let holder = Holder {
            order_id: OrderId(*order_id),
            body_hash: body_hash.into_bytes(),
        };
        answers.insert(*index, Accepted::of_lost(new, claim, holder));
    }
    Ok(answers)
}

/// Deletes the claims of orders that are not accepted. Claims that another order holds stay.
pub fn give_back<'p>(pipeline: &mut Pipeline<'p>, refused: &[&'p NewOrder]) {
    let all: Vec<(&NewOrder, &Claim)> = refused
        .iter()
        .flat_map(|new| new.claims.iter().map(move |claim| (*new, claim)))
        .collect();
    if all.is_empty() {
        return;
    }
    let each = all.iter();
    pipeline.add(
        &GIVE_BACK,
        params![
            each.clone()
                .map(|(n, _)| n.tenant.as_str())
                .collect::<Vec<_>>(),
            each.clone()
                .map(|(_, c)| c.kind.as_str())
                .collect::<Vec<_>>(),
            each.clone()
                .map(|(_, c)| Uuid::from_bytes(c.hash))
                .collect::<Vec<_>>(),
            each.map(|(n, _)| n.id.0).collect::<Vec<_>>(),
        ],
    );
}

/// Who holds a claim now.
pub async fn holder(
    commits: &Commits,
    tenant: &Tenant,
    kind: ClaimKind,
    hash: [u8; 16],
    now: Time,
) -> Result<Option<OrderId>> {
    let parameters = params![
        tenant.as_str(),
        kind.as_str(),
        Uuid::from_bytes(hash),
        now.0
    ];
    let rows = commits.read(&HOLDER, parameters).await?;
    rows.first()
        .map(|row| Columns::of(row).order_id())
        .transpose()
}

/// Expired claims in a range of the table's pages. The table has no index by expiry, because every order would pay for
/// it; so the pages are walked.
static LOOK: Sql = Sql {
    text: "/* claims::look */ SELECT hash, kind, tenant FROM claims WHERE ctid >= $1::text::tid AND ctid < $2::text::tid AND expires_at <= $3 LIMIT $4",
    types: &[Type::TEXT, Type::TEXT, Type::INT8, Type::INT8],
};

static PAGES: Sql = Sql {
    text: "/* claims::pages */ SELECT pg_relation_size('claims') / current_setting('block_size')::bigint",
    types: &[],
};

/// The least number of claims on a full page of the table.
const CLAIMS_ON_A_PAGE: usize = 64;

static FORGET: Sql = Sql {
    text: "/* claims::forget */ WITH locked AS MATERIALIZED (SELECT c.hash, c.kind, c.tenant FROM unnest($1, $2, $3) AS k (hash, kind, tenant) \
           JOIN claims c USING (hash, kind, tenant) WHERE c.expires_at <= $4 ORDER BY c.hash, c.kind, c.tenant FOR UPDATE OF c) \
           DELETE FROM claims c USING locked l WHERE c.hash = l.hash AND c.kind = l.kind AND c.tenant = l.tenant RETURNING 1",
    types: &[
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8,
    ],
};

/// Deletes up to `limit` expired claims on the next pages, which hold about `scan` claims. `walk` is the first of these
/// pages; after the last page of the table it is 0 again.
pub async fn forget(
    commits: &Commits,
    walk: &AtomicI64,
    now: Time,
    limit: usize,
    scan: usize,
) -> Result<usize> {
    let from = walk.load(Ordering::Relaxed);
    let to = from + count(scan.div_ceil(CLAIMS_ON_A_PAGE));
    let place = |page: i64| format!("({page},0)");
    let mut pipeline = Pipeline::new();
    let parameters = params![place(from), place(to), now.0, count(limit)];
    let found = pipeline.add(&LOOK, parameters);
    let pages = pipeline.add(&PAGES, vec![]);
    let mut answers = commits.read_all(pipeline).await?;
    let expired = answers.take(found);
    if expired.len() < limit {
        let pages = answers.take(pages);
        let size = pages.first().map(|row| Columns::of(row).get());
        let size =
            size.ok_or_else(|| Error::unavailable("the database returned no table size"))??;
        let around: bool = to >= size;
        walk.store(if around { 0 } else { to }, Ordering::Relaxed);
    }
    if expired.is_empty() {
        return Ok(0);
    }
    let mut hashes: Vec<Uuid> = vec![];
    let (mut kinds, mut tenants): (Vec<&str>, Vec<&str>) = (vec![], vec![]);
    for row in &expired {
        let mut c = Columns::of(row);
        hashes.push(c.get()?);
        kinds.push(c.get()?);
        tenants.push(c.get()?);
    }
    let parameters = params![hashes, kinds, tenants, now.0];
    Ok(commits.write_one(&FORGET, parameters).await?.len())
}
