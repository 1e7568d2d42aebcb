//! `waybill verify --repair`: reconciles the stock rows that do not add up.

use std::collections::BTreeSet;
use std::sync::Arc;

use waybill_domain::context::EventMeta;
use waybill_domain::precondition::Preconditions;
use waybill_domain::stock::Adjustment;
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;
use waybill_store::{Error as StoreError, StockChange};

use crate::backend;
use crate::clock::{Clock, SystemClock};
use crate::config::Settings;
use crate::random::Entropy;

/// Rows that are written in one transaction.
const AT_ONCE: usize = 50;
const ACTOR: &str = "operator:verify";
const REASON: &str = "reconciled by verify --repair";

/// Makes each row agree with its movements and reservations; what became of each, for people. A row that cannot be
/// mended safely is left as it is, with the reason.
///
/// # Errors
/// The store cannot be opened or written; a server has the embedded store open.
pub async fn reconcile(
    settings: &Settings,
    rows: &BTreeSet<[String; 3]>,
) -> Result<Vec<String>, StoreError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy = Entropy::from_os()
        .map_err(|error| StoreError::unavailable(format!("no random numbers: {error}")))?;
    let entropy = Arc::new(entropy);
    let store = backend::open_alone(settings, &clock, &entropy).await?;
    let meta = EventMeta {
        actor: ACTOR.into(),
        ..EventMeta::default()
    };
    let change = |[tenant, sku, vendor]: &[String; 3]| {
        let at = Time(clock.now_micros());
        StockChange {
            tenant: Tenant::stored(tenant),
            sku: Sku::stored(sku),
            vendor: Vendor::stored(vendor),
            adjustment: Adjustment::Reconcile,
            safety: None,
            preconditions: Preconditions::default(),
            claim: None,
            reason: Some(REASON.to_owned()),
            reference: None,
            event_id: entropy.uuid_v7(at.0),
            meta: meta.clone(),
            at,
        }
    };
    let changes: Vec<StockChange> = rows.iter().map(change).collect();
    let mut told = vec![];
    for some in changes.chunks(AT_ONCE) {
        let outcomes = store.adjust_stock(some.to_vec()).await?;
        for (change, outcome) in some.iter().zip(outcomes) {
            let row = format!(
                "stock {}@{} of {}",
                change.sku, change.vendor, change.tenant
            );
            told.push(match outcome {
                Ok(_) => format!("mended   {row}"),
                Err(refusal) => format!("left     {row}: {refusal}"),
            });
        }
    }
    store.close().await;
    Ok(told)
}
