//! Vendors, and how the readings of their stock went.

use super::once::Claims;
use super::pipeline::{Pipeline, Sql, params};
use super::rows::{Columns, count};
use super::shared::Shared;
use super::transaction::{Commits, Failed};
use crate::error::{Error, Result};
use crate::model::Page;
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use waybill_domain::once::CommandClaim;
use waybill_domain::stock::StockLevel;
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;
use waybill_domain::vendor::{StockSync, VendorRecord, VendorTerms};

/// No row when the vendor has another version than the one before this.
static WRITE: Sql = Sql {
    text: "/* vendors::write */ INSERT INTO vendors (tenant, name, base_url, priority, cost, lead_time_hours, rate_limit_per_s, idempotent, \
           enabled, created_at, updated_at, removed_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
           ON CONFLICT (tenant, name) DO UPDATE SET base_url = $3, priority = $4, cost = $5, lead_time_hours = $6, rate_limit_per_s = $7, \
           idempotent = $8, enabled = $9, updated_at = $11, removed_at = $12, version = $13 WHERE vendors.version = $13 - 1 RETURNING 1",
    types: &[
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::BOOL,
        Type::BOOL,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
    ],
};

macro_rules! select {
    ($name:literal, $rest:literal) => {
        concat!(
            "/* vendors::",
            $name,
            " */ SELECT tenant, name, base_url, priority, cost, lead_time_hours, rate_limit_per_s, idempotent, enabled, created_at, \
              updated_at, removed_at, version FROM vendors ",
            $rest
        )
    };
}

static BY_NAME: Sql = Sql {
    text: select!("by_name", "WHERE tenant = $1 AND name = $2"),
    types: &[Type::TEXT, Type::TEXT],
};

static LIST: Sql = Sql {
    text: select!(
        "list",
        "WHERE tenant = $1 AND name > $2 AND removed_at IS NULL ORDER BY name LIMIT $3"
    ),
    types: &[Type::TEXT, Type::TEXT, Type::INT8],
};

static IN_USE: Sql = Sql {
    text: select!(
        "in_use",
        "WHERE enabled AND removed_at IS NULL ORDER BY tenant, name LIMIT $1"
    ),
    types: &[Type::INT8],
};

static SYNCS: Sql = Sql {
    text: "/* vendors::syncs */ SELECT tenant, vendor, asked_at, tried_at, synced_at, error, skus, changed, drift, refused FROM vendor_syncs \
           WHERE $1 IS NULL OR tenant = $1 ORDER BY tenant, vendor LIMIT $2",
    types: &[Type::TEXT, Type::INT8],
};

static ASK: Sql = Sql {
    text: "/* vendors::ask */ INSERT INTO vendor_syncs (tenant, vendor, asked_at) SELECT $1, v, $3 FROM unnest($2) AS k (v) ORDER BY v \
           ON CONFLICT (tenant, vendor) DO UPDATE SET asked_at = $3",
    types: &[Type::TEXT, Type::TEXT_ARRAY, Type::INT8],
};

static RECORD: Sql = Sql {
    text: "/* vendors::record */ INSERT INTO vendor_syncs (tenant, vendor, tried_at, synced_at, error, skus, changed, drift, refused) \
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant, vendor) DO UPDATE SET tried_at = $3, synced_at = $4, error = $5, \
           skus = $6, changed = $7, drift = $8, refused = $9",
    types: &[
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
        Type::INT8,
        Type::TEXT,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
    ],
};

static STOCK: Sql = Sql {
    text: "/* vendors::stock */ SELECT sku, on_hand, reserved, safety, shortfall, version FROM stock \
           WHERE tenant = $1 AND sku > $2 AND vendor = $3 ORDER BY sku LIMIT $4",
    types: &[Type::TEXT, Type::TEXT, Type::TEXT, Type::INT8],
};

/// Writes a vendor over the version before it, once per key.
pub async fn write(
    shared: &Shared,
    vendor: &VendorRecord,
    claim: Option<&CommandClaim>,
) -> Result<()> {
    let mut attempts = shared.commits.attempts();
    while let Err(failed) = attempt_write(shared, vendor, claim).await {
        attempts.again(failed).await?;
    }
    Ok(())
}

async fn attempt_write(
    shared: &Shared,
    vendor: &VendorRecord,
    claim: Option<&CommandClaim>,
) -> std::result::Result<(), Failed> {
    let (commits, now, terms) = (&shared.commits, (shared.now)(), &vendor.terms);
    let claims = Claims::of([(&vendor.tenant, claim)].into_iter());
    let (open, ()) = commits
        .begin(
            |pipeline| {
                let claimed = claims.claim(pipeline, now);
                let values = params![
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
                ];
                (claimed, pipeline.add(&WRITE, values))
            },
            |answers, (claimed, written)| {
                if !claimed.free(answers)?.allows(&vendor.tenant, claim) {
                    return Err(Error::KeyUsed);
                }
                if answers.take(written).is_empty() {
                    return Err(Error::Conflict { what: "the vendor" });
                }
                Ok(())
            },
        )
        .await?;
    commits.commit(open, Pipeline::new(), None).await
}

/// A vendor by its name.
pub async fn by_name(
    commits: &Commits,
    tenant: &Tenant,
    name: &Vendor,
) -> Result<Option<VendorRecord>> {
    let of = params![tenant.as_str(), name.as_str()];
    let rows = commits.read(&BY_NAME, of).await?;
    rows.first().map(read).transpose()
}

/// A page of a tenant's vendors, without removed ones.
pub async fn list(
    commits: &Commits,
    tenant: &Tenant,
    after: Option<&Vendor>,
    limit: usize,
) -> Result<Page<VendorRecord, Vendor>> {
    let after = after.map_or("", Vendor::as_str);
    let of = params![tenant.as_str(), after, count(limit)];
    let rows = commits.read(&LIST, of).await?;
    let items = rows.iter().map(read).collect::<Result<_>>()?;
    Ok(Page::up_to(limit, items, |vendor: &VendorRecord| {
        vendor.name.clone()
    }))
}

/// The vendors of all tenants that are in use.
pub async fn in_use(commits: &Commits, limit: usize) -> Result<Vec<VendorRecord>> {
    let rows = commits.read(&IN_USE, params![count(limit)]).await?;
    rows.iter().map(read).collect()
}

/// How the readings of vendors went.
pub async fn syncs(
    commits: &Commits,
    tenant: Option<&Tenant>,
    limit: usize,
) -> Result<Vec<StockSync>> {
    let of = params![tenant.map(Tenant::as_str), count(limit)];
    let rows = commits.read(&SYNCS, of).await?;
    rows.iter().map(read_sync).collect()
}

/// Records that the stock of these vendors is asked for.
pub async fn ask(commits: &Commits, tenant: &Tenant, vendors: &[Vendor], at: Time) -> Result<()> {
    let names: Vec<&str> = vendors.iter().map(Vendor::as_str).collect();
    let values = params![tenant.as_str(), names, at.0];
    commits.write_one(&ASK, values).await.map(drop)
}

/// Records how a reading went.
pub async fn record(commits: &Commits, sync: &StockSync) -> Result<()> {
    let values = params![
        sync.tenant.as_str(),
        sync.vendor.as_str(),
        sync.tried_at.map(|at| at.0),
        sync.synced_at.map(|at| at.0),
        sync.error.as_deref(),
        sync.skus,
        sync.changed,
        sync.drift,
        sync.refused,
    ];
    commits.write_one(&RECORD, values).await.map(drop)
}

/// A page of a vendor's stock rows, by sku.
pub async fn stock(
    commits: &Commits,
    tenant: &Tenant,
    vendor: &Vendor,
    after: Option<&Sku>,
    limit: usize,
) -> Result<Page<(Sku, StockLevel), Sku>> {
    let after = after.map_or("", Sku::as_str);
    let of = params![tenant.as_str(), after, vendor.as_str(), count(limit)];
    let rows = commits.read(&STOCK, of).await?;
    let read = |row: &Row| {
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
    };
    let items = rows.iter().map(read).collect::<Result<_>>()?;
    Ok(Page::up_to(limit, items, |(sku, _): &(Sku, _)| sku.clone()))
}

fn read(row: &Row) -> Result<VendorRecord> {
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

fn read_sync(row: &Row) -> Result<StockSync> {
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
