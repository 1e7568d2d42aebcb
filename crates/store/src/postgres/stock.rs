//! Stock rows: reading them and changing counts.

use super::changes::add_work;
use super::lock::{self, StockKey as Key};
use super::once::{self, Claims};
use super::pipeline::{Handle, Pipeline, Rows, Sql, params};
use super::rows::{Columns, count};
use super::shared::Shared;
use super::transaction::{Commits, Failed, Open};
use crate::error::{Error, Result};
use crate::ledger::{self, books_sql};
use crate::model::{Decided, Page, StockChange, StockOutcome};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use waybill_domain::event::NewEvent;
use waybill_domain::stock::{self, AdjustmentRefusal, Books, Ledger, StockLevel, StockRow};
use waybill_domain::stock_place::StockPlace;
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;

fn key(change: &StockChange) -> Key {
    Key::new(
        change.tenant.as_str(),
        change.sku.as_str(),
        change.vendor.as_str(),
    )
}

/// The partition of the log that a stock row's events go to.
fn partition_of(change: &StockChange, partitions: u16) -> u16 {
    let id = stock::aggregate(&change.tenant, &change.sku, &change.vendor).id;
    // Exact: the remainder is below a u16.
    (id.as_u128() % u128::from(partitions.max(1))) as u16
}

static INSERT: Sql = Sql {
    text: "/* stock::insert */ INSERT INTO stock (tenant, sku, vendor, on_hand, reserved, safety, version, synced_at) \
           SELECT k.tenant, k.sku, k.vendor, 0, 0, 0, 0, $4 FROM unnest($1, $2, $3) AS k (tenant, sku, vendor) ON CONFLICT DO NOTHING",
    types: &[
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8,
    ],
};

static UPDATE: Sql = Sql {
    text: "/* stock::update */ UPDATE stock s SET on_hand = c.on_hand, reserved = c.reserved, safety = c.safety, version = c.version, \
           synced_at = c.synced_at, shortfall = c.shortfall, writes = s.writes + 1 \
           FROM unnest($1::tid[], $2, $3, $4, $5, $6, $7) AS c (place, on_hand, reserved, safety, version, synced_at, shortfall) WHERE s.ctid = c.place",
    types: &[
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
    ],
};

static FORGET_NEW: Sql = Sql {
    text: "/* stock::forget_new */ DELETE FROM stock s USING unnest($1, $2, $3) AS k (tenant, sku, vendor) \
           WHERE s.tenant = k.tenant AND s.sku = k.sku AND s.vendor = k.vendor AND s.version = 0",
    types: &[Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::TEXT_ARRAY],
};

static MOVEMENTS: Sql = Sql {
    text: "/* stock::movements */ INSERT INTO stock_movements (tenant, sku, vendor, delta, reason, actor, reference, at) \
           SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)",
    types: &[
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
    ],
};

/// Changes stock rows; each row's change is a movement and an event. Changes are made partition by partition of the log, each
/// partition in a transaction of its own.
pub async fn adjust(shared: &Shared, changes: &[StockChange]) -> Result<Vec<StockOutcome>> {
    let mut outcomes: Vec<Option<StockOutcome>> = changes.iter().map(|_| None).collect();
    let partition = |change: &StockChange| partition_of(change, shared.identity.partitions);
    let partitions: BTreeSet<u16> = changes.iter().map(partition).collect();
    for here in partitions {
        let indexes: Vec<usize> = (0..changes.len())
            .filter(|i| partition(&changes[*i]) == here)
            .collect();
        let some: Vec<&StockChange> = indexes.iter().map(|i| &changes[*i]).collect();
        let mut attempts = shared.commits.attempts();
        let done = loop {
            match attempt(shared, &some, here).await {
                Ok(done) => break done,
                Err(failed) => attempts.again(failed).await?,
            }
        };
        shared.grown(here);
        for (index, outcome) in indexes.into_iter().zip(done) {
            outcomes[index] = Some(outcome);
        }
    }
    // Every change has a partition.
    Ok(outcomes.into_iter().flatten().collect())
}

async fn attempt(
    shared: &Shared,
    changes: &[&StockChange],
    partition: u16,
) -> std::result::Result<Vec<StockOutcome>, Failed> {
    let commits = &shared.commits;
    let now = (shared.now)();
    let owned: Vec<Key> = changes.iter().map(|c| key(c)).collect();
    let keys: BTreeSet<&Key> = owned.iter().collect();
    let claims = Claims::of(changes.iter().map(|c| (&c.tenant, c.claim.as_ref())));
    let (open, (mut locked, mut free)) = commits
        .begin(
            |pipeline| {
                let claimed = claims.claim(pipeline, now);
                // A row that is not there cannot be locked; it is made first, in the order of the keys.
                let each = keys.iter();
                pipeline.add(
                    &INSERT,
                    params![
                        each.clone().map(|k| k.tenant.clone()).collect::<Vec<_>>(),
                        each.clone().map(|k| k.sku.clone()).collect::<Vec<_>>(),
                        each.map(|k| k.vendor.clone()).collect::<Vec<_>>(),
                        now.0,
                    ],
                );
                let each = keys.iter().copied();
                (claimed, lock::add_stock_keys(pipeline, &lock::STOCK, each))
            },
            |answers, (claimed, rows)| {
                let rows = answers.take(rows);
                Ok((locked(&rows, &keys)?, claimed.free(answers)?))
            },
        )
        .await?;
    let (open, mut ledgers) = ledgers(commits, open, changes, &owned).await?;
    let mut outcomes = Vec::with_capacity(changes.len());
    let mut done: Vec<(&StockChange, Decided)> = vec![];
    for (change, key) in changes.iter().zip(&owned) {
        // Every key was looked for.
        let Some(row) = locked.get_mut(key) else {
            continue;
        };
        if !free.allows(&change.tenant, change.claim.as_ref()) {
            outcomes.push(Err(AdjustmentRefusal::KeyUsed));
            continue;
        }
        let ledger = ledgers.entry(key.clone()).or_default();
        outcomes.push(change.decide(row.level, ledger).map(|decided| {
            let after = decided.after;
            row.level = after;
            ledger.book(decided.delta);
            free.uses(&change.tenant, change.claim.as_ref());
            done.push((change, decided));
            change.row(after)
        }));
    }
    if done.is_empty() {
        commits.roll_back(open).await;
        return Ok(outcomes);
    }
    let mut pipeline = Pipeline::new();
    write(&mut pipeline, &locked, &done);
    keep_outcomes(&mut pipeline, changes, &outcomes);
    free.give_back(&mut pipeline);
    lock::add_stock_keys(&mut pipeline, &FORGET_NEW, keys.iter().copied());
    for (change, decided) in &done {
        add_work(&mut pipeline, &change.tenant, &decided.work);
    }
    let events: Vec<&NewEvent> = done.iter().map(|(_, decided)| &decided.event).collect();
    shared
        .append_and_commit(open, pipeline, partition, now, &events)
        .await?;
    Ok(outcomes)
}

/// What the rows that are to be reconciled must add up to. They are locked, and a transaction that changes their sums
/// locks them before it commits, so the sums hold until the commit.
async fn ledgers(
    commits: &Commits,
    open: Open,
    changes: &[&StockChange],
    keys: &[Key],
) -> std::result::Result<(Open, BTreeMap<Key, Ledger>), Failed> {
    let each = changes.iter().zip(keys);
    let wanted: BTreeSet<&Key> = each
        .filter(|(change, _)| change.reconciles())
        .map(|(_, key)| key)
        .collect();
    let figures: Vec<(&Key, Time)> = changes
        .iter()
        .zip(keys)
        .filter_map(|(change, key)| Some((key, change.asked_at()?)))
        .collect();
    if wanted.is_empty() && figures.is_empty() {
        return Ok((open, BTreeMap::new()));
    }
    let [held, committed] = ledger::HOLDING;
    commits
        .go_on(
            open,
            |pipeline| {
                let each = wanted.iter().map(|key| {
                    let parameters =
                        params![&*key.tenant, &*key.sku, &*key.vendor, held, committed];
                    (*key, pipeline.add(&BOOKS, parameters))
                });
                let books = each.collect::<Vec<_>>();
                let agreed = (!figures.is_empty()).then(|| add_agreed(pipeline, &figures));
                (books, agreed)
            },
            |answers, (books, agreed)| {
                let each = books.into_iter();
                let each = each
                    .map(|(key, rows)| Ok((key.clone(), read_books(&answers.take(rows))?.ledger)));
                let mut ledgers: BTreeMap<Key, Ledger> = each.collect::<Result<_>>()?;
                for row in &agreed.map_or_else(Vec::new, |rows| answers.take(rows)) {
                    let mut c = Columns::of(row);
                    let key = Key::new(c.get()?, c.get()?, c.get()?);
                    ledgers.entry(key).or_default().agreed_meanwhile = c.get()?;
                }
                Ok(ledgers)
            },
        )
        .await
}

/// What vendors have agreed to since they were asked for their figures.
static AGREED: Sql = Sql {
    text: "/* stock::agreed */ SELECT k.tenant, k.sku, k.vendor, SUM(r.quantity)::bigint FROM unnest($1, $2, $3, $4) \
           AS k (tenant, sku, vendor, asked_at) JOIN reservations r ON r.tenant = k.tenant AND r.vendor = k.vendor AND r.sku = k.sku \
           AND r.agreed_at >= k.asked_at AND r.agreed_at IS NOT NULL GROUP BY k.tenant, k.sku, k.vendor",
    types: &[
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
    ],
};

fn add_agreed<'p>(pipeline: &mut Pipeline<'p>, figures: &[(&'p Key, Time)]) -> Handle<Rows> {
    let each = || figures.iter();
    pipeline.add(
        &AGREED,
        params![
            each().map(|(k, _)| k.tenant.as_str()).collect::<Vec<_>>(),
            each().map(|(k, _)| k.sku.as_str()).collect::<Vec<_>>(),
            each().map(|(k, _)| k.vendor.as_str()).collect::<Vec<_>>(),
            each().map(|(_, asked_at)| asked_at.0).collect::<Vec<_>>(),
        ],
    )
}

static BOOKS: Sql = Sql {
    text: books_sql!("stock::books"),
    types: &[Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT],
};

fn read_books(rows: &[Row]) -> Result<Books> {
    let row = rows.first();
    let row = row.ok_or_else(|| Error::unavailable("sums without GROUP BY gave no row"))?;
    let mut c = Columns::of(row);
    ledger::read(|| c.get())
}

/// A row and what it must add up to.
pub async fn books(
    commits: &Commits,
    tenant: &Tenant,
    sku: &Sku,
    vendor: &Vendor,
) -> Result<Books> {
    let [held, committed] = ledger::HOLDING;
    let parameters = params![
        tenant.as_str(),
        sku.as_str(),
        vendor.as_str(),
        held,
        committed
    ];
    read_books(&commits.read(&BOOKS, parameters).await?)
}

/// Writes what replays of changes with a key are answered.
fn keep_outcomes<'p>(
    pipeline: &mut Pipeline<'p>,
    changes: &[&'p StockChange],
    outcomes: &[StockOutcome],
) {
    for (change, outcome) in changes.iter().zip(outcomes) {
        if let (Some(claim), Ok(row)) = (&change.claim, outcome) {
            once::finish(pipeline, &change.tenant, claim, change.outcome(row.level));
        }
    }
}

/// A row that is locked.
struct LockedRow {
    level: StockLevel,
    /// Where it stands.
    place: String,
}

/// Reads the locked rows; each key has one.
fn locked(rows: &[Row], keys: &BTreeSet<&Key>) -> Result<BTreeMap<Key, LockedRow>> {
    let mut locked = BTreeMap::new();
    for row in rows {
        let mut c = Columns::of(row);
        let key = Key::new(c.get()?, c.get()?, c.get()?);
        let level = level(&mut c)?;
        let place = c.get()?;
        locked.insert(key, LockedRow { level, place });
    }
    match keys.iter().find(|key| !locked.contains_key(**key)) {
        None => Ok(locked),
        Some(Key {
            tenant,
            sku,
            vendor,
            ..
        }) => Err(Error::damaged_row(
            "a stock row",
            format!(
                "{sku} at {vendor} of {tenant} has a row in stock_keys and none in stock, so none can be made: delete that one"
            ),
        )),
    }
}

fn write<'p>(
    pipeline: &mut Pipeline<'p>,
    locked: &'p BTreeMap<Key, LockedRow>,
    done: &'p [(&StockChange, Decided)],
) {
    let mut last: BTreeMap<Key, &StockChange> = BTreeMap::new();
    for (change, _) in done {
        last.insert(key(change), change);
    }
    let rows: Vec<(&LockedRow, i64)> = locked
        .iter()
        .filter_map(|(key, row)| Some((row, last.get(key)?.at.0)))
        .collect();
    let r = || rows.iter();
    pipeline.add(
        &UPDATE,
        params![
            r().map(|(row, _)| row.place.as_str()).collect::<Vec<_>>(),
            r().map(|(row, _)| row.level.on_hand).collect::<Vec<_>>(),
            r().map(|(row, _)| row.level.reserved).collect::<Vec<_>>(),
            r().map(|(row, _)| row.level.safety).collect::<Vec<_>>(),
            r().map(|(row, _)| row.level.version).collect::<Vec<_>>(),
            r().map(|(_, at)| *at).collect::<Vec<_>>(),
            r().map(|(row, _)| row.level.shortfall).collect::<Vec<_>>(),
        ],
    );
    let d = || done.iter();
    pipeline.add(
        &MOVEMENTS,
        params![
            d().map(|(c, _)| c.tenant.as_str()).collect::<Vec<_>>(),
            d().map(|(c, _)| c.sku.as_str()).collect::<Vec<_>>(),
            d().map(|(c, _)| c.vendor.as_str()).collect::<Vec<_>>(),
            d().map(|(_, decided)| decided.delta).collect::<Vec<_>>(),
            d().map(|(c, _)| c.reason.as_deref()).collect::<Vec<_>>(),
            d().map(|(c, _)| &*c.meta.actor).collect::<Vec<_>>(),
            d().map(|(c, _)| c.reference.as_deref()).collect::<Vec<_>>(),
            d().map(|(c, _)| c.at.0).collect::<Vec<_>>(),
        ],
    );
}

fn level(c: &mut Columns<'_>) -> Result<StockLevel> {
    Ok(StockLevel {
        on_hand: c.get()?,
        reserved: c.get()?,
        safety: c.get()?,
        shortfall: c.get()?,
        version: c.get()?,
    })
}

fn row(row: &Row) -> Result<StockRow> {
    let mut c = Columns::of(row);
    Ok(StockRow {
        tenant: c.text("tenant", |t| Some(Tenant::stored(t)))?,
        sku: c.text("sku", |t| Some(Sku::stored(t)))?,
        vendor: c.text("vendor", |t| Some(Vendor::stored(t)))?,
        level: level(&mut c)?,
        synced_at: c.time()?,
    })
}

macro_rules! columns {
    () => {
        "tenant, sku, vendor, on_hand, reserved, safety, shortfall, version, synced_at"
    };
}

static LIST: Sql = Sql {
    text: concat!(
        "/* stock::list */ SELECT ",
        columns!(),
        " FROM stock WHERE tenant = $1 AND (sku, vendor) > ($2, $3) ORDER BY sku, vendor LIMIT $4"
    ),
    types: &[Type::TEXT, Type::TEXT, Type::TEXT, Type::INT8],
};

static LIST_SKUS: Sql = Sql {
    text: concat!(
        "/* stock::list_skus */ SELECT ",
        columns!(),
        " FROM stock WHERE tenant = $1 AND sku = ANY($5) AND (sku, vendor) > ($2, $3) ORDER BY sku, vendor LIMIT $4"
    ),
    types: &[
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
        Type::TEXT_ARRAY,
    ],
};

/// A page of rows, by sku and vendor.
pub async fn list(
    commits: &Commits,
    tenant: &Tenant,
    skus: Vec<String>,
    after: Option<&StockPlace>,
    limit: usize,
) -> Result<Page<StockRow, StockPlace>> {
    let (sku, vendor) = StockPlace::sort_key(after);
    let rows = if skus.is_empty() {
        let parameters = params![tenant.as_str(), sku, vendor, count(limit)];
        commits.read(&LIST, parameters).await?
    } else {
        let parameters = params![tenant.as_str(), sku, vendor, count(limit), skus];
        commits.read(&LIST_SKUS, parameters).await?
    };
    let items = rows.iter().map(row).collect::<Result<Vec<_>>>()?;
    Ok(Page::up_to(limit, items, StockPlace::of))
}
