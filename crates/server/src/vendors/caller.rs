//! Calls to each vendor behind its own breaker, at its own rate, with its own share of calls: a vendor that is slow or
//! down takes nothing from another.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use waybill_domain::text::{Tenant, Vendor};
use waybill_domain::vendor::{VendorRecord, VendorTerms};
use waybill_domain::vendor_call::VendorCall;
use waybill_domain::vendor_stock::Snapshot;

use super::call::{CallFault, HttpCalls, Kept};
use super::listing;
use super::pace::Pace;
use super::reply::{self, Reply};
use crate::clock::Clock;
use crate::config;
use crate::resilience::breaker::{Breaker, CallError, Snapshot as BreakerSnapshot, State};
use crate::resilience::circuit_log::CircuitLog;

/// The way to one vendor.
pub struct VendorCaller {
    calls: HttpCalls,
    breaker: Breaker,
    pace: Pace,
    /// Calls under way at once.
    slots: Semaphore,
    terms: VendorTerms,
    clock: Arc<dyn Clock>,
}

impl VendorCaller {
    /// What the vendor says it has.
    ///
    /// # Errors
    /// Why there is no answer that can be used.
    pub async fn stock(&self) -> Result<Snapshot, CallError<CallFault>> {
        let ask = async {
            let body = self.calls.get("/stock").await?;
            listing::read(&body).map_err(CallFault::Unusable)
        };
        let _turn = self.turn().await;
        self.breaker.call(ask).await
    }

    /// Waits for this call's turn: a free place among the calls under way at once, and the vendor's rate.
    pub async fn turn(&self) -> Turn<'_> {
        // The semaphore is never closed.
        let slot = self.slots.acquire().await.ok();
        self.pace.turn().await;
        Turn { _slot: slot }
    }

    /// Asks the vendor to take units out of its stock, or to take them back.
    pub async fn ask(&self, call: &VendorCall, _turn: Turn<'_>) -> Reply {
        reply::of(self.breaker.call(reply::ask(&self.calls, call)).await)
    }

    /// Whether no call is let through now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.breaker.snapshot().state == State::Open
    }

    /// How long no call is let through; 0 when one is now.
    #[must_use]
    pub fn closed_in_ms(&self) -> i64 {
        let retry_at = self.breaker.snapshot().retry_at_micros;
        let wait = retry_at.map_or(0, |at| at - self.clock.now_micros());
        wait.max(0) / 1_000
    }

    /// Whether the vendor does a call with an idempotency key once only.
    #[must_use]
    pub fn honours_keys(&self) -> bool {
        self.terms.idempotent
    }

    #[must_use]
    pub fn breaker(&self) -> BreakerSnapshot {
        self.breaker.snapshot()
    }
}

/// A place among the calls to a vendor.
pub struct Turn<'c> {
    _slot: Option<SemaphorePermit<'c>>,
}

/// The ways to all vendors of this process. One is made anew when the vendor's terms have changed.
pub struct Callers {
    settings: config::Vendors,
    breaker: config::Breaker,
    clock: Arc<dyn Clock>,
    circuits: Arc<CircuitLog>,
    known: Mutex<HashMap<(Tenant, Vendor), Arc<VendorCaller>>>,
}

impl Callers {
    #[must_use]
    pub fn new(
        settings: config::Vendors,
        breaker: config::Breaker,
        clock: Arc<dyn Clock>,
        circuits: Arc<CircuitLog>,
    ) -> Self {
        Self {
            settings,
            breaker,
            clock,
            circuits,
            known: Mutex::default(),
        }
    }

    /// The way to a vendor.
    ///
    /// # Errors
    /// It cannot be called: its address is not allowed here, or the system's certificates cannot be read.
    pub fn of(&self, vendor: &VendorRecord) -> Result<Arc<VendorCaller>, String> {
        let key = (vendor.tenant.clone(), vendor.name.clone());
        let known = self.known.lock().get(&key).cloned();
        if let Some(caller) = known.filter(|caller| caller.terms == vendor.terms) {
            return Ok(caller);
        }
        let caller = Arc::new(self.made(vendor)?);
        self.known.lock().insert(key, caller.clone());
        Ok(caller)
    }

    /// Forgets the vendors that are not in use any more.
    pub fn keep(&self, vendors: &[VendorRecord]) {
        let mut known = self.known.lock();
        if known.len() > vendors.len() {
            let in_use = |tenant: &Tenant, name: &Vendor| {
                vendors
                    .iter()
                    .any(|v| v.tenant == *tenant && v.name == *name)
            };
            known.retain(|(tenant, name), _| in_use(tenant, name));
        }
    }

    fn made(&self, vendor: &VendorRecord) -> Result<VendorCaller, String> {
        let terms = &vendor.terms;
        // An address that was allowed when it was entered need not be allowed by the settings of this process.
        let base_url = super::address::check(&terms.base_url, self.settings.plain_http)
            .map_err(|fault| fault.to_string())?;
        let limit = self.settings.answer_limit_bytes as usize;
        // A connection that takes half of the time leaves the vendor the other half.
        let connect = self.settings.timeout_ms.duration() / 2;
        let kept = if terms.idempotent {
            Kept::Some
        } else {
            Kept::None
        };
        let calls = HttpCalls::new(base_url.into(), limit, connect, kept);
        let calls = calls.map_err(|error| error.to_string())?;
        let breaker = config::Breaker {
            timeout_ms: self.settings.timeout_ms,
            ..self.breaker.clone()
        };
        // As the metric of the circuit names it: the same name may be that of another tenant's vendor.
        let circuit = format!("vendor {}/{}", vendor.tenant, vendor.name);
        Ok(VendorCaller {
            calls,
            breaker: Breaker::new(breaker, self.clock.clone()).noted_as(circuit, &self.circuits),
            pace: Pace::of(terms.rate_limit_per_s),
            slots: Semaphore::new(self.settings.calls_at_once as usize),
            terms: terms.clone(),
            clock: self.clock.clone(),
        })
    }
}
