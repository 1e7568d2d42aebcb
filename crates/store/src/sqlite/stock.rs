//! Stock rows: reading them and changing counts.

use super::changes::add_work;
use super::errors::IntoStore;
use super::log::{self, PART};
use super::once;
use super::rows::Columns;
use super::tx::Tx;
use crate::error::{Error, Result};
use crate::ledger::{self, books_sql};
use crate::model::{Decided, Page, StockChange, StockOutcome};
use rusqlite::{Connection, OptionalExtension, Row, params};
use waybill_domain::stock::{AdjustmentRefusal, Books, Ledger, StockLevel, StockRow};
use waybill_domain::stock_place::StockPlace;
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;

/// The level of a stock row; `None` when there is no such row.
pub fn level(
    connection: &Connection,
    tenant: &Tenant,
    sku: &str,
    vendor: &str,
) -> Result<Option<StockLevel>> {
    connection
        .prepare_cached("SELECT on_hand, reserved, safety, shortfall, version FROM stock WHERE tenant = ?1 AND sku = ?2 AND vendor = ?3")
        .store()?
        .query_row(params![tenant.as_str(), sku, vendor], |row| {
            Ok(StockLevel { on_hand: row.get(0)?, reserved: row.get(1)?, safety: row.get(2)?, shortfall: row.get(3)?, version: row.get(4)? })
        })
        .optional()
        .store()
}

/// A row and what it must add up to.
pub fn books(
    connection: &Connection,
    tenant: &Tenant,
    sku: &Sku,
    vendor: &Vendor,
) -> Result<Books> {
    let mut select = connection
        .prepare_cached(books_sql!("stock::books"))
        .store()?;
    let [held, committed] = ledger::HOLDING;
    let mut rows = select
        .query(params![
            tenant.as_str(),
            sku.as_str(),
            vendor.as_str(),
            held,
            committed
        ])
        .store()?;
    let Some(row) = rows.next().store()? else {
        return Err(Error::unavailable("sums without GROUP BY gave no row"));
    };
    let mut c = Columns::of(row);
    ledger::read(|| c.get())
}

/// Changes stock rows; each row's change is a movement and an event.
pub fn adjust(tx: &mut Tx<'_>, changes: &[StockChange]) -> Result<Vec<StockOutcome>> {
    changes
        .iter()
        .map(|change| adjust_one(tx, change))
        .collect()
}

/// What a vendor has agreed to since it was asked for its figure; 0 for a change that is no such figure.
fn agreed_since(connection: &Connection, change: &StockChange) -> Result<i64> {
    let Some(asked_at) = change.asked_at() else {
        return Ok(0);
    };
    connection
        .prepare_cached(
            "SELECT COALESCE(SUM(quantity), 0) FROM reservations INDEXED BY reservations_agreed \
             WHERE tenant = ?1 AND vendor = ?2 AND sku = ?3 AND agreed_at >= ?4 AND agreed_at IS NOT NULL",
        )
        .store()?
        .query_row(
            params![
                change.tenant.as_str(),
                change.vendor.as_str(),
                change.sku.as_str(),
                asked_at.0
            ],
            |row| row.get(0),
        )
        .store()
}

fn adjust_one(tx: &mut Tx<'_>, change: &StockChange) -> Result<StockOutcome> {
    let before = level(
        tx.connection,
        &change.tenant,
        change.sku.as_str(),
        change.vendor.as_str(),
    )?
    .unwrap_or_default();
    if let Some(claim) = &change.claim
        && once::done(tx.connection, &change.tenant, &claim.hash, tx.now)?.is_some()
    {
        return Ok(Err(AdjustmentRefusal::KeyUsed));
    }
    let ledger = if change.reconciles() {
        books(tx.connection, &change.tenant, &change.sku, &change.vendor)?.ledger
    } else {
        Ledger {
            agreed_meanwhile: agreed_since(tx.connection, change)?,
            ..Ledger::default()
        }
    };
    let Decided {
        after,
        delta,
        event,
        work,
    } = match change.decide(before, &ledger) {
        Ok(decided) => decided,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Some(claim) = &change.claim {
        once::claim(tx, &change.tenant, claim, &change.outcome(after))?;
    }
    tx.execute(
        "INSERT INTO stock (tenant, sku, vendor, on_hand, reserved, safety, version, synced_at, shortfall) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
         ON CONFLICT (tenant, sku, vendor) DO UPDATE SET on_hand = excluded.on_hand, reserved = excluded.reserved, safety = excluded.safety, \
         version = excluded.version, synced_at = excluded.synced_at, shortfall = excluded.shortfall",
        params![
            change.tenant.as_str(),
            change.sku.as_str(),
            change.vendor.as_str(),
            after.on_hand,
            after.reserved,
            after.safety,
            after.version,
            change.at.0,
            after.shortfall
        ],
    )?;
    tx.execute(
        "INSERT INTO stock_movements (tenant, sku, vendor, delta, reason, actor, reference, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            change.tenant.as_str(),
            change.sku.as_str(),
            change.vendor.as_str(),
            delta,
            change.reason,
            &*change.meta.actor,
            change.reference,
            change.at.0
        ],
    )?;
    add_work(tx, &change.tenant, &work)?;
    log::append(tx, PART, &[event])?;
    Ok(Ok(change.row(after)))
}

fn row(row: &Row<'_>) -> Result<StockRow> {
    let mut c = Columns::of(row);
    Ok(StockRow {
        tenant: c.text("tenant", |t| Some(Tenant::stored(t)))?,
        sku: c.text("sku", |t| Some(Sku::stored(t)))?,
        vendor: c.text("vendor", |t| Some(Vendor::stored(t)))?,
        level: StockLevel {
            on_hand: c.get()?,
            reserved: c.get()?,
            safety: c.get()?,
            shortfall: c.get()?,
            version: c.get()?,
        },
        synced_at: Time(c.get()?),
    })
}

const COLUMNS: &str =
    "tenant, sku, vendor, on_hand, reserved, safety, shortfall, version, synced_at";

/// A page of rows, by sku and vendor.
pub fn list(
    connection: &Connection,
    tenant: &Tenant,
    mut skus: Vec<String>,
    after: Option<&StockPlace>,
    limit: usize,
) -> Result<Page<StockRow, StockPlace>> {
    let (sku, vendor) = StockPlace::sort_key(after);
    let mut items = vec![];
    if skus.is_empty() {
        let sql = format!(
            "SELECT {COLUMNS} FROM stock WHERE tenant = ?1 AND (sku, vendor) > (?2, ?3) ORDER BY sku, vendor LIMIT ?4"
        );
        select(
            connection,
            &sql,
            params![tenant.as_str(), sku, vendor, limit],
            &mut items,
        )?;
    }
    skus.sort_unstable();
    skus.dedup();
    // One look-up per sku, because SQLite would scan all rows of the tenant for a list of skus.
    let sql = format!(
        "SELECT {COLUMNS} FROM stock WHERE tenant = ?1 AND sku = ?2 AND (sku, vendor) > (?3, ?4) ORDER BY vendor LIMIT ?5"
    );
    for wanted in skus.iter().filter(|s| s.as_str() >= sku) {
        let left = limit - items.len();
        select(
            connection,
            &sql,
            params![tenant.as_str(), wanted, sku, vendor, left],
            &mut items,
        )?;
    }
    Ok(Page::up_to(limit, items, StockPlace::of))
}

fn select(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    items: &mut Vec<StockRow>,
) -> Result<()> {
    let mut statement = connection.prepare_cached(sql).store()?;
    let mut rows = statement.query(params).store()?;
    while let Some(found) = rows.next().store()? {
        items.push(row(found)?);
    }
    Ok(())
}
