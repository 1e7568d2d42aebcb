//! Enters the vendors of the settings.

use waybill_domain::text::{Tenant, Vendor};
use waybill_domain::vendor::{VendorRecord, VendorTerms};
use waybill_store::{Error as StoreError, Store};

use crate::context::ContextSource;

/// Enters each vendor that is not on record, and gives one that is the address of the settings. One that an operator
/// has removed stays removed.
///
/// # Errors
/// The store is away.
pub async fn enter(
    store: &dyn Store,
    contexts: &ContextSource,
    vendors: &[(Vendor, String)],
) -> Result<(), StoreError> {
    let tenant = Tenant::default();
    for (name, url) in vendors {
        let now = contexts.now();
        let entered = match store.vendor(&tenant, name).await? {
            None => {
                let terms = VendorTerms::at(url.as_str().into());
                VendorRecord::new(tenant.clone(), name.clone(), terms, now)
            }
            Some(known) if known.removed_at.is_some() || *known.terms.base_url == **url => continue,
            Some(known) => {
                let terms = VendorTerms {
                    base_url: url.as_str().into(),
                    ..known.terms.clone()
                };
                known.changed(terms, now)
            }
        };
        match store.write_vendor(&entered, None).await {
            Ok(()) => {
                tracing::info!(vendor = %name, url, "a vendor of the settings was entered");
            }
            // An operator changed it at this moment; what they said holds.
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
