//! Vendors, and how the readings of their stock went.

use super::errors::IntoStore;
use super::once;
use super::rows::Columns;
use super::tx::{Tx, expect_one};
use crate::error::{Error, Result};
use crate::model::Page;
use rusqlite::{Connection, Params, Row, params};
use std::sync::Arc;
use waybill_domain::once::CommandClaim;
use waybill_domain::stock::StockLevel;
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;
use waybill_domain::vendor::{StockSync, VendorRecord, VendorTerms};

const COLUMNS: &str = "tenant, name, base_url, priority, cost, lead_time_hours, rate_limit_per_s, idempotent, enabled, created_at, \
     updated_at, removed_at, version";

const SYNC_COLUMNS: &str =
    "tenant, vendor, asked_at, tried_at, synced_at, error, skus, changed, drift, refused";

/// Writes a vendor over the version before it, once per key.
pub fn write(tx: &Tx<'_>, vendor: &VendorRecord, claim: Option<&CommandClaim>) -> Result<()> {
    if let Some(claim) = claim
        && !once::claim(tx, &vendor.tenant, claim, &claim.outcome)?
    {
        return Err(Error::KeyUsed);
    }
    let terms = &vendor.terms;
    let changed = tx.execute(
        "INSERT INTO vendors (tenant, name, base_url, priority, cost, lead_time_hours, rate_limit_per_s, idempotent, enabled, created_at, \
         updated_at, removed_at, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
         ON CONFLICT (tenant, name) DO UPDATE SET base_url = ?3, priority = ?4, cost = ?5, lead_time_hours = ?6, rate_limit_per_s = ?7, \
         idempotent = ?8, enabled = ?9, updated_at = ?11, removed_at = ?12, version = ?13 WHERE vendors.version = ?13 - 1",
        params![
            vendor.tenant.as_str(),
            vendor.name.as_str(),
            &*terms.base_url,
            terms.priority,
            terms.cost,
            terms.lead_time_hours,
            terms.rate_limit_per_s,
            terms.idempotent,
            terms.enabled,
            vendor.created_at.0,
            vendor.updated_at.0,
            vendor.removed_at.map(|at| at.0),
            vendor.version,
        ],
    )?;
    expect_one(changed, "the vendor")
}

/// A vendor by its name.
pub fn by_name(
    connection: &Connection,
    tenant: &Tenant,
    name: &Vendor,
) -> Result<Option<VendorRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM vendors WHERE tenant = ?1 AND name = ?2");
    let found = all(connection, &sql, [tenant.as_str(), name.as_str()], read)?;
    Ok(found.into_iter().next())
}

/// A page of a tenant's vendors, without removed ones.
pub fn list(
    connection: &Connection,
    tenant: &Tenant,
    after: Option<&Vendor>,
    limit: usize,
) -> Result<Page<VendorRecord, Vendor>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM vendors WHERE tenant = ?1 AND name > ?2 AND removed_at IS NULL ORDER BY name LIMIT ?3"
    );
    let after = after.map_or("", Vendor::as_str);
    let items = all(
        connection,
        &sql,
        params![tenant.as_str(), after, limit],
        read,
    )?;
    Ok(Page::up_to(limit, items, |vendor| vendor.name.clone()))
}

/// The vendors of all tenants that are in use.
pub fn in_use(connection: &Connection, limit: usize) -> Result<Vec<VendorRecord>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM vendors WHERE enabled AND removed_at IS NULL ORDER BY tenant, name LIMIT ?1"
    );
    all(connection, &sql, [limit], read)
}

/// How the readings of vendors went.
pub fn syncs(
    connection: &Connection,
    tenant: Option<&Tenant>,
    limit: usize,
) -> Result<Vec<StockSync>> {
    let Some(tenant) = tenant else {
        let sql =
            format!("SELECT {SYNC_COLUMNS} FROM vendor_syncs ORDER BY tenant, vendor LIMIT ?1");
        return all(connection, &sql, [limit], read_sync);
    };
    let sql = format!(
        "SELECT {SYNC_COLUMNS} FROM vendor_syncs WHERE tenant = ?1 ORDER BY vendor LIMIT ?2"
    );
    all(connection, &sql, params![tenant.as_str(), limit], read_sync)
}

/// Records that the stock of these vendors is asked for.
pub fn ask(tx: &Tx<'_>, tenant: &Tenant, vendors: &[Vendor], at: Time) -> Result<()> {
    for vendor in vendors {
        tx.execute(
            "INSERT INTO vendor_syncs (tenant, vendor, asked_at) VALUES (?1, ?2, ?3) \
             ON CONFLICT (tenant, vendor) DO UPDATE SET asked_at = ?3",
            params![tenant.as_str(), vendor.as_str(), at.0],
        )?;
    }
    Ok(())
}

/// Records how a reading went.
pub fn record(tx: &Tx<'_>, sync: &StockSync) -> Result<()> {
    tx.execute(
        "INSERT INTO vendor_syncs (tenant, vendor, tried_at, synced_at, error, skus, changed, drift, refused) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (tenant, vendor) DO UPDATE SET tried_at = ?3, synced_at = ?4, error = ?5, \
         skus = ?6, changed = ?7, drift = ?8, refused = ?9",
        params![
            sync.tenant.as_str(),
            sync.vendor.as_str(),
            sync.tried_at.map(|at| at.0),
            sync.synced_at.map(|at| at.0),
            sync.error,
            sync.skus,
            sync.changed,
            sync.drift,
            sync.refused,
        ],
    )?;
    Ok(())
}

/// A page of a vendor's stock rows, by sku.
pub fn stock(
    connection: &Connection,
    tenant: &Tenant,
    vendor: &Vendor,
    after: Option<&Sku>,
    limit: usize,
) -> Result<Page<(Sku, StockLevel), Sku>> {
    let rows = all(
        connection,
        "SELECT sku, on_hand, reserved, safety, shortfall, version FROM stock WHERE tenant = ?1 AND sku > ?2 AND vendor = ?3 ORDER BY sku LIMIT ?4",
        params![
            tenant.as_str(),
            after.map_or("", Sku::as_str),
            vendor.as_str(),
            limit
        ],
        |row| {
            let mut c = Columns::of(row);
            let sku = c.text("sku", |t| Some(Sku::stored(t)))?;
            let level = StockLevel {
                on_hand: c.get()?,
                reserved: c.get()?,
                safety: c.get()?,
                shortfall: c.get()?,
                version: c.get()?,
            };
            Ok((sku, level))
        },
    )?;
    Ok(Page::up_to(limit, rows, |(sku, _)| sku.clone()))
}

fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut select = connection.prepare_cached(sql).store()?;
    let mut rows = select.query(params).store()?;
    let mut found = vec![];
    while let Some(row) = rows.next().store()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn read(row: &Row<'_>) -> Result<VendorRecord> {
    let mut c = Columns::of(row);
    Ok(VendorRecord {
        tenant: c.text("tenant", |t| Some(Tenant::stored(t)))?,
        name: c.text("vendor", |t| Some(Vendor::stored(t)))?,
        terms: VendorTerms {
            base_url: c.text("base url", |t| Some(Arc::from(t)))?,
            priority: c.get()?,
            cost: c.get()?,
            lead_time_hours: c.get()?,
            rate_limit_per_s: c.get()?,
            idempotent: c.get()?,
            enabled: c.get()?,
        },
        created_at: c.time()?,
        updated_at: c.time()?,
        removed_at: c.optional_time()?,
        version: c.get()?,
    })
}

fn read_sync(row: &Row<'_>) -> Result<StockSync> {
    let mut c = Columns::of(row);
    Ok(StockSync {
        tenant: c.text("tenant", |t| Some(Tenant::stored(t)))?,
        vendor: c.text("vendor", |t| Some(Vendor::stored(t)))?,
        asked_at: c.optional_time()?,
        tried_at: c.optional_time()?,
        synced_at: c.optional_time()?,
        error: c.get()?,
        skus: c.get()?,
        changed: c.get()?,
        drift: c.get()?,
        refused: c.get()?,
    })
}
