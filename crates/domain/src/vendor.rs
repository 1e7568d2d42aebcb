//! A vendor whose stock orders may draw on: what an operator says about it, and how its record changes.
//!
//! Invariant: the built-in sources `local` and `inventory` are no vendors of this kind, and a vendor that was removed
//! stays on record, because stock rows, movements and orders name it. Calling it is the server's.

use crate::problem::{Problem, code};
use crate::text::{Tenant, Vendor, check_name};
use crate::time::Time;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What [`VendorTerms::priority`] may be.
pub const PRIORITY: RangeInclusive<i64> = 0..=1_000;
/// What [`VendorTerms::cost`] may be.
pub const COST: RangeInclusive<i64> = 0..=1_000_000_000;
/// What [`VendorTerms::lead_time_hours`] may be: up to ten years.
pub const LEAD_TIME_HOURS: RangeInclusive<i64> = 0..=87_600;
/// What [`VendorTerms::rate_limit_per_s`] may be.
pub const RATE_LIMIT_PER_S: RangeInclusive<i64> = 1..=10_000;
/// The longest base address, in characters.
pub const URL_CHARS: usize = 500;

/// What an operator says about a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorTerms {
    /// Where its API is: `http` or `https`, a host, and a path without a slash at its end.
    pub base_url: Arc<str>,
    /// Vendors with a lower number are chosen first.
    pub priority: i64,
    /// What a unit costs to have sent from there, in a unit that is the same for all vendors; cheaper ones are chosen
    /// first among vendors of one priority.
    pub cost: i64,
    /// Hours until a unit is with us or leaves.
    pub lead_time_hours: i64,
    /// Calls a second that the vendor allows.
    pub rate_limit_per_s: i64,
    /// Whether it does a call with an `Idempotency-Key` once only. A call to one that does not is never repeated after
    /// its answer was lost.
    pub idempotent: bool,
    /// Whether orders may draw on it and its stock is read.
    pub enabled: bool,
}

impl VendorTerms {
    /// The terms of a vendor of which only the address is known.
    #[must_use]
    pub fn at(base_url: Arc<str>) -> Self {
        Self {
            base_url,
            priority: 100,
            cost: 0,
            lead_time_hours: 0,
            rate_limit_per_s: 50,
            idempotent: false,
            enabled: true,
        }
    }

    /// Checks every bound. Whether the address can be called is checked by who calls it.
    ///
    /// # Errors
    /// The first field that is out of bounds, by its name on the wire.
    pub fn check(&self) -> Result<(), Problem> {
        check_name("baseUrl", &self.base_url, URL_CHARS)?;
        for (field, value, allowed) in [
            ("priority", self.priority, PRIORITY),
            ("cost", self.cost, COST),
            ("leadTimeHours", self.lead_time_hours, LEAD_TIME_HOURS),
            (
                "rateLimitPerSecond",
                self.rate_limit_per_s,
                RATE_LIMIT_PER_S,
            ),
        ] {
            if !allowed.contains(&value) {
                let (least, most) = allowed.into_inner();
                let detail = format!("from {least} to {most}; found {value}");
                return Err(Problem::new(code::INVALID_VALUE, field, detail));
            }
        }
        Ok(())
    }
}

/// A vendor on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorRecord {
    pub tenant: Tenant,
    pub name: Vendor,
    pub terms: VendorTerms,
    pub created_at: Time,
    pub updated_at: Time,
    /// Since when it is none of the tenant's vendors any more.
    pub removed_at: Option<Time>,
    /// 1 at first; each change adds 1.
    pub version: i64,
}

impl VendorRecord {
    /// A vendor that was not on record before.
    #[must_use]
    pub fn new(tenant: Tenant, name: Vendor, terms: VendorTerms, now: Time) -> Self {
        Self {
            tenant,
            name,
            terms,
            created_at: now,
            updated_at: now,
            removed_at: None,
            version: 1,
        }
    }

    /// The vendor under other terms; a removed one is back.
    #[must_use]
    pub fn changed(&self, terms: VendorTerms, now: Time) -> Self {
        Self {
            terms,
            updated_at: now,
            removed_at: None,
            version: self.version + 1,
            ..self.clone()
        }
    }

    /// The vendor after its removal.
    #[must_use]
    pub fn removed(&self, now: Time) -> Self {
        Self {
            updated_at: now,
            removed_at: Some(now),
            version: self.version + 1,
            ..self.clone()
        }
    }

    /// Whether its stock is read and orders may draw on it.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        self.terms.enabled && self.removed_at.is_none()
    }
}

/// Parses the name of a vendor that an operator adds.
///
/// # Errors
/// It is no name, or the name of a built-in source.
pub fn parse_name(text: &str) -> Result<Vendor, Problem> {
    let named = Vendor::parse(text).map_err(|problem| Problem {
        field: "name".to_owned(),
        ..problem
    })?;
    if matches!(text, Vendor::LOCAL | Vendor::INVENTORY) {
        let detail = format!("{text} is a built-in source; choose another name");
        return Err(Problem::new(code::INVALID_VALUE, "name", detail));
    }
    Ok(named)
}

/// How the last reading of a vendor's stock went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockSync {
    pub tenant: Tenant,
    pub vendor: Vendor,
    /// When a reading was last asked for by hand.
    pub asked_at: Option<Time>,
    /// When it was last tried.
    pub tried_at: Option<Time>,
    /// When the whole stock was last read.
    pub synced_at: Option<Time>,
    /// Why the last try failed; none when it went well.
    pub error: Option<String>,
    /// Skus in the last good answer.
    pub skus: i64,
    /// Rows that differed from our copy, at the last good answer.
    pub changed: i64,
    /// Units by which they differed, summed without their signs.
    pub drift: i64,
    /// Rows of the last good answer that were not taken.
    pub refused: i64,
}

impl StockSync {
    /// A vendor whose stock was never read.
    #[must_use]
    pub fn never(tenant: Tenant, vendor: Vendor) -> Self {
        Self {
            tenant,
            vendor,
            asked_at: None,
            tried_at: None,
            synced_at: None,
            error: None,
            skus: 0,
            changed: 0,
            drift: 0,
            refused: 0,
        }
    }

    /// Whether it is time to read the stock: it was asked for since the last try, or the last try is an interval ago.
    #[must_use]
    pub fn is_due(&self, now: Time, interval_ms: i64) -> bool {
        let Some(tried) = self.tried_at else {
            return true;
        };
        self.asked_at.is_some_and(|asked| asked > tried) || tried.plus_ms(interval_ms) <= now
    }

    /// Whether the last reading of a vendor failed, or none was made for long although it is in use.
    #[must_use]
    pub fn is_in_trouble(&self, vendor: &VendorRecord, now: Time, interval_ms: i64) -> bool {
        let is_settled = vendor.updated_at.plus_ms(STALE_INTERVALS * interval_ms) < now;
        self.error.is_some() || (is_settled && self.is_stale(now, interval_ms))
    }

    /// Whether our copy is too old to be relied on: nothing good was read for three intervals.
    #[must_use]
    pub fn is_stale(&self, now: Time, interval_ms: i64) -> bool {
        self.synced_at
            .is_none_or(|at| at.plus_ms(STALE_INTERVALS * interval_ms) < now)
    }
}

/// Puts each vendor beside how its last reading went.
#[must_use]
pub fn with_syncs(
    vendors: Vec<VendorRecord>,
    syncs: Vec<StockSync>,
) -> Vec<(VendorRecord, StockSync)> {
    let key = |tenant: &Tenant, name: &Vendor| (tenant.clone(), name.clone());
    let mut of: HashMap<(Tenant, Vendor), StockSync> = syncs
        .into_iter()
        .map(|sync| (key(&sync.tenant, &sync.vendor), sync))
        .collect();
    let each = vendors.into_iter().map(|vendor| {
        let sync = of.remove(&key(&vendor.tenant, &vendor.name));
        let never = || StockSync::never(vendor.tenant.clone(), vendor.name.clone());
        let sync = sync.unwrap_or_else(never);
        (vendor, sync)
    });
    each.collect()
}

/// Intervals without a good answer after which a vendor's stock is stale. One late answer does not make it stale.
const STALE_INTERVALS: i64 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> VendorTerms {
        VendorTerms::at("http://127.0.0.1:3001".into())
    }

    #[test]
    fn terms_are_bounded_and_a_fault_names_its_field() {
        assert_eq!(terms().check(), Ok(()));
        let wrong = |change: fn(&mut VendorTerms)| {
            let mut terms = terms();
            change(&mut terms);
            terms.check().expect_err("out of bounds").field
        };
        assert_eq!(wrong(|t| t.priority = -1), "priority");
        assert_eq!(wrong(|t| t.cost = *COST.end() + 1), "cost");
        assert_eq!(wrong(|t| t.lead_time_hours = i64::MAX), "leadTimeHours");
        assert_eq!(wrong(|t| t.rate_limit_per_s = 0), "rateLimitPerSecond");
        assert_eq!(wrong(|t| t.base_url = "x".repeat(501).into()), "baseUrl");
        assert_eq!(wrong(|t| t.base_url = "".into()), "baseUrl");
    }

    #[test]
    fn a_built_in_source_is_no_vendor() {
        for name in ["local", "inventory", "", " x", "."] {
            assert_eq!(parse_name(name).expect_err(name).field, "name");
        }
        assert_eq!(parse_name("VendorA").expect("a name").as_str(), "VendorA");
    }

    #[test]
    fn a_removed_vendor_stays_on_record_and_comes_back_with_its_next_version() {
        let name = Vendor::stored("VendorA");
        let first = VendorRecord::new(Tenant::default(), name, terms(), Time(1));
        let removed = first.removed(Time(2));
        assert!(first.is_in_use() && !removed.is_in_use());
        let back = removed.changed(terms(), Time(3));
        assert!(back.is_in_use());
        assert_eq!((back.version, back.created_at), (3, Time(1)));
        let disabled = VendorTerms {
            enabled: false,
            ..terms()
        };
        assert!(!first.changed(disabled, Time(2)).is_in_use());
    }

    #[test]
    fn a_vendor_that_was_just_entered_is_not_in_trouble_before_it_was_read() {
        let vendor = VendorRecord::new(
            Tenant::default(),
            Vendor::stored("VendorA"),
            terms(),
            Time(0),
        );
        let never = StockSync::never(Tenant::default(), vendor.name.clone());
        let at = |ms: i64| Time(ms * 1_000);
        assert!(!never.is_in_trouble(&vendor, at(3_000), 1_000));
        assert!(never.is_in_trouble(&vendor, at(3_001), 1_000));
        let failed = StockSync {
            error: Some("it answers 503".into()),
            ..never.clone()
        };
        assert!(failed.is_in_trouble(&vendor, at(1), 1_000));
        let pairs = with_syncs(vec![vendor.clone()], vec![failed.clone()]);
        assert_eq!(pairs, [(vendor.clone(), failed)]);
        assert_eq!(with_syncs(vec![vendor.clone()], vec![]), [(vendor, never)]);
    }

    #[test]
    fn a_reading_is_due_after_its_interval_or_when_asked_for() {
        let never = StockSync::never(Tenant::default(), Vendor::stored("VendorA"));
        let ms = |ms: i64| Time(ms * 1_000);
        assert!(never.is_due(ms(0), 1_000) && never.is_stale(ms(0), 1_000));
        let tried = StockSync {
            tried_at: Some(ms(5_000)),
            synced_at: Some(ms(5_000)),
            ..never
        };
        assert!(!tried.is_due(ms(5_999), 1_000));
        assert!(tried.is_due(ms(6_000), 1_000));
        assert!(!tried.is_stale(ms(8_000), 1_000));
        assert!(tried.is_stale(ms(8_001), 1_000));
        let asked = |at| StockSync {
            asked_at: Some(ms(at)),
            ..tried.clone()
        };
        assert!(asked(5_001).is_due(ms(5_002), 1_000));
        assert!(!asked(4_000).is_due(ms(5_002), 1_000), "it was read since");
    }
}
