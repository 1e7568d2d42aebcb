//! One reading of a vendor's stock: ask the vendor, compare with our copy, write the rows that differ.

use std::collections::BTreeMap;
use std::sync::Arc;

use waybill_domain::context::EventMeta;
use waybill_domain::precondition::Preconditions;
use waybill_domain::stock::{Adjustment, StockLevel};
use waybill_domain::text::Sku;
use waybill_domain::time::Time;
use waybill_domain::vendor::{StockSync, VendorRecord};
use waybill_domain::vendor_stock::Snapshot;
use waybill_store::{Error as StoreError, StockChange, Store};

use super::figures::Figures;
use crate::context::ContextSource;
use crate::vendors::Callers;

/// Rows of our copy that are read at once.
const PAGE: usize = 5_000;
/// Rows that are given to the store at once. On PostgreSQL they go to all partitions of the log, a transaction each.
const CHUNK: usize = 8_000;
/// By how much the clocks of two processes of one store differ at most.
const CLOCKS_DIFFER_MS: i64 = 100;
/// Who changes the rows, in their movements and events.
const ACTOR: &str = "system:stock-sync";
const REASON: &str = "sync";

/// What a reading uses.
pub struct Readings {
    pub store: Arc<dyn Store>,
    pub callers: Arc<Callers>,
    pub contexts: ContextSource,
    pub figures: Figures,
}

/// What a reading that went well found.
#[derive(Default)]
struct Found {
    changed: i64,
    drift: i64,
}

impl Readings {
    /// Reads the stock of a vendor and records how it went. A vendor that does not answer, or answers nonsense, is a
    /// result: our copy stays as it is.
    ///
    /// # Errors
    /// The store is away; nothing is recorded.
    pub async fn read(&self, vendor: &VendorRecord, before: &StockSync) -> Result<(), StoreError> {
        let tried = StockSync {
            tried_at: Some(self.contexts.now()),
            error: None,
            ..before.clone()
        };
        self.figures.readings.inc();
        let asked_at = self.asked_at();
        let after = match self.ask(vendor).await {
            Ok(snapshot) => {
                let found = self.write(vendor, &snapshot, asked_at).await?;
                self.figures.rows_written.inc_by(found.changed as u64);
                self.figures
                    .rows_refused
                    .inc_by(snapshot.refused_count as u64);
                say_refused(vendor, &snapshot);
                StockSync {
                    synced_at: tried.tried_at,
                    skus: snapshot.len() as i64,
                    changed: found.changed,
                    drift: found.drift,
                    refused: snapshot.refused_count as i64,
                    ..tried
                }
            }
            Err(why) => {
                self.figures.failed.inc();
                if before.error.is_none() {
                    tracing::warn!(vendor = %vendor.name, tenant = %vendor.tenant, error = why, "the stock of a vendor cannot be read; our copy stays");
                }
                StockSync {
                    error: Some(why),
                    ..tried
                }
            }
        };
        if before.error.is_some() && after.error.is_none() {
            tracing::info!(vendor = %vendor.name, tenant = %vendor.tenant, "the stock of a vendor is read again");
        }
        self.store.record_sync(&after).await
    }

    /// Since when what the vendor agrees to may not be in its figures. Processes that share a store know its time to a few
    /// milliseconds, and another one may have taken an agreement in.
    fn asked_at(&self) -> Time {
        #[cfg(feature = "planted-defects")]
        if super::defects::overwrites() {
            return Time(i64::MAX);
        }
        let now = self.contexts.now();
        if self.store.identity().one_writer {
            now
        } else {
            now.plus_ms(-CLOCKS_DIFFER_MS)
        }
    }

    async fn ask(&self, vendor: &VendorRecord) -> Result<Snapshot, String> {
        let caller = self.callers.of(vendor)?;
        let answer = caller.stock().await;
        self.figures.show_circuit(vendor, caller.breaker().state);
        answer.map_err(|error| error.to_string())
    }

    async fn write(
        &self,
        vendor: &VendorRecord,
        snapshot: &Snapshot,
        asked_at: Time,
    ) -> Result<Found, StoreError> {
        let copy = self.copy(vendor).await?;
        let mut found = Found::default();
        for rows in snapshot.differences(&copy).chunks(CHUNK) {
            let changes = rows
                .iter()
                .map(|(sku, units)| self.change(vendor, sku, (*units, asked_at), copy.get(sku)));
            let outcomes = self.store.write_vendor_stock(changes.collect()).await?;
            for ((sku, units), outcome) in rows.iter().zip(outcomes) {
                let before = copy.get(sku).map_or(0, |level| level.on_hand);
                match outcome {
                    Ok(_) => {
                        found.changed += 1;
                        found.drift += (units - before).abs();
                    }
                    // Someone else has changed the row since it was read; the next reading compares with that.
                    Err(refusal) => {
                        tracing::debug!(vendor = %vendor.name, %sku, %refusal, "a stock row is not written");
                    }
                }
            }
        }
        Ok(found)
    }

    /// Our copy of what the vendor has.
    async fn copy(&self, vendor: &VendorRecord) -> Result<BTreeMap<Sku, StockLevel>, StoreError> {
        let (mut copy, mut after) = (BTreeMap::new(), None);
        loop {
            let page = self
                .store
                .vendor_stock(&vendor.tenant, &vendor.name, after, PAGE)
                .await?;
            copy.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(copy),
            }
        }
    }

    fn change(
        &self,
        vendor: &VendorRecord,
        sku: &Sku,
        (units, asked_at): (i64, Time),
        before: Option<&StockLevel>,
    ) -> StockChange {
        let now = self.contexts.now();
        StockChange {
            tenant: vendor.tenant.clone(),
            sku: sku.clone(),
            vendor: vendor.name.clone(),
            adjustment: Adjustment::Snapshot { units, asked_at },
            safety: None,
            preconditions: before.map_or_else(Preconditions::default, |level| {
                Preconditions::of_version(level.version)
            }),
            claim: None,
            reason: Some(REASON.to_owned()),
            reference: None,
            event_id: self.contexts.entropy.uuid_v7(now.0),
            meta: EventMeta {
                actor: ACTOR.into(),
                ..EventMeta::default()
            },
            at: now,
        }
    }
}

fn say_refused(vendor: &VendorRecord, snapshot: &Snapshot) {
    let Some(first) = snapshot.refused.first() else {
        return;
    };
    tracing::warn!(
        vendor = %vendor.name,
        tenant = %vendor.tenant,
        rows = snapshot.refused_count,
        first_sku = first.sku,
        why = first.why,
        "rows of a vendor's stock are not taken; our copy of them stays"
    );
}
