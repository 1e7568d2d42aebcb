//! Vendors: on record once, changed over their versions, each tenant's own; and how readings of their stock went.

use super::Harness;
use crate::error::{Error, Result};
use waybill_domain::event::{EventKind, body};
use waybill_domain::once::CommandClaim;
use waybill_domain::stock::Adjustment;
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::vendor::{StockSync, VendorRecord, VendorTerms};

const MANY: usize = 100;
const DAY_MS: i64 = 86_400_000;

fn name(text: &str) -> Vendor {
    Vendor::stored(text)
}

fn terms(priority: i64) -> VendorTerms {
    VendorTerms {
        priority,
        cost: 250,
        lead_time_hours: 48,
        rate_limit_per_s: 7,
        idempotent: true,
        ..VendorTerms::at("https://vendor.example/api".into())
    }
}

fn vendor(h: &Harness, tenant: &Tenant, text: &str) -> VendorRecord {
    VendorRecord::new(tenant.clone(), name(text), terms(1), h.clock.now())
}

async fn written(h: &Harness, vendor: &VendorRecord) {
    let written = h.store.write_vendor(vendor, None).await;
    written.expect("nothing else changes it");
}

async fn found(h: &Harness, text: &str) -> Option<VendorRecord> {
    let found = h.store.vendor(&Tenant::default(), &name(text)).await;
    found.expect("read")
}

/// All of a tenant's vendors, in pages of one and of many.
async fn listed(h: &Harness, tenant: &Tenant) -> Vec<String> {
    let whole = pages(h, tenant, MANY).await;
    assert_eq!(pages(h, tenant, 1).await, whole);
    whole
}

async fn pages(h: &Harness, tenant: &Tenant, limit: usize) -> Vec<String> {
    let (mut names, mut after) = (vec![], None);
    loop {
        let page = h.store.list_vendors(tenant, after, limit).await;
        let page = page.expect("read");
        assert!(page.items.len() <= limit);
        names.extend(page.items.iter().map(|v| v.name.to_string()));
        match page.next {
            Some(next) => after = Some(next),
            None => return names,
        }
    }
}

fn is_conflict(result: &Result<()>) -> bool {
    matches!(result, Err(Error::Conflict { .. }))
}

pub(super) async fn a_vendor_reads_back_with_its_terms(mut h: Harness) {
    let (ours, other) = (Tenant::default(), Tenant::stored("other"));
    assert_eq!(found(&h, "A").await, None);
    let first = vendor(&h, &ours, "A");
    written(&h, &first).await;
    written(&h, &vendor(&h, &other, "A")).await;
    written(&h, &vendor(&h, &ours, "a")).await;
    h.reopen().await;
    assert_eq!(found(&h, "A").await, Some(first));
    assert_eq!(listed(&h, &ours).await, ["A", "a"]);
    assert_eq!(listed(&h, &other).await, ["A"]);
}

pub(super) async fn a_vendor_is_changed_over_the_version_before_it_and_once_per_key(h: Harness) {
    let first = vendor(&h, &Tenant::default(), "A");
    written(&h, &first).await;
    let again = h.store.write_vendor(&first, None).await;
    assert!(is_conflict(&again), "{again:?}");
    h.clock.advance_ms(1_000);
    let second = first.changed(terms(2), h.clock.now());
    let claim = CommandClaim {
        hash: h.make.id().into_bytes(),
        request: h.make.id().into_bytes(),
        expires_at: h.make.in_ms(DAY_MS),
        outcome: "second".into(),
    };
    let keyed = h.store.write_vendor(&second, Some(claim.clone())).await;
    keyed.expect("the key is free");
    let late = first.changed(terms(3), h.clock.now());
    let late = h.store.write_vendor(&late, None).await;
    assert!(is_conflict(&late), "{late:?}");
    let third = second.changed(terms(3), h.clock.now());
    let used = h.store.write_vendor(&third, Some(claim)).await;
    assert!(matches!(used, Err(Error::KeyUsed)), "{used:?}");
    assert_eq!(found(&h, "A").await, Some(second));
}

pub(super) async fn a_removed_vendor_is_on_record_and_in_no_list(h: Harness) {
    let tenant = Tenant::default();
    let first = vendor(&h, &tenant, "A");
    written(&h, &first).await;
    let removed = first.removed(h.clock.now());
    written(&h, &removed).await;
    assert_eq!(found(&h, "A").await, Some(removed.clone()));
    assert_eq!(listed(&h, &tenant).await, [""; 0]);
    let in_use = h.store.vendors_in_use(MANY).await.expect("read");
    assert_eq!(in_use, []);
    written(&h, &removed.changed(terms(4), h.clock.now())).await;
    assert_eq!(listed(&h, &tenant).await, ["A"]);
}

pub(super) async fn vendors_in_use_are_those_of_all_tenants(h: Harness) {
    let (ours, other) = (Tenant::default(), Tenant::stored("other"));
    for (tenant, text) in [(&other, "B"), (&ours, "C"), (&ours, "A")] {
        written(&h, &vendor(&h, tenant, text)).await;
    }
    let disabled = VendorTerms {
        enabled: false,
        ..terms(1)
    };
    let off = VendorRecord::new(ours.clone(), name("off"), disabled, h.clock.now());
    written(&h, &off).await;
    let in_use = h.store.vendors_in_use(MANY).await.expect("read");
    let each = in_use.iter().map(|v| (v.tenant.as_str(), v.name.as_str()));
    let expected = [("default", "A"), ("default", "C"), ("other", "B")];
    assert_eq!(each.collect::<Vec<_>>(), expected);
    assert_eq!(h.store.vendors_in_use(2).await.expect("read").len(), 2);
}

pub(super) async fn a_reading_is_recorded_beside_when_it_was_asked_for(mut h: Harness) {
    let (ours, other) = (Tenant::default(), Tenant::stored("other"));
    let asked = h.clock.now();
    for tenant in [&ours, &other] {
        let names = vec![name("B"), name("A")];
        let ask = h.store.ask_for_sync(tenant, names, asked).await;
        ask.expect("recorded");
    }
    h.clock.advance_ms(5);
    let sync = StockSync {
        asked_at: None,
        tried_at: Some(h.clock.now()),
        synced_at: Some(asked),
        error: Some("it did not answer".into()),
        skus: 4,
        changed: 3,
        drift: 20,
        refused: 1,
        ..StockSync::never(ours.clone(), name("A"))
    };
    h.store.record_sync(&sync).await.expect("recorded");
    h.reopen().await;
    let of_ours = h.store.stock_syncs(Some(&ours), MANY).await.expect("read");
    let expected = StockSync {
        asked_at: Some(asked),
        ..sync
    };
    let untried = StockSync {
        asked_at: Some(asked),
        ..StockSync::never(ours.clone(), name("B"))
    };
    assert_eq!(of_ours, [expected, untried]);
    let of_all = h.store.stock_syncs(None, MANY).await.expect("read");
    assert_eq!(of_all.len(), 4);
    h.clock.advance_ms(5);
    let again = h.clock.now();
    let ask = h.store.ask_for_sync(&ours, vec![name("A")], again).await;
    ask.expect("recorded");
    let of_ours = h.store.stock_syncs(Some(&ours), 1).await.expect("read");
    assert_eq!((of_ours[0].asked_at, of_ours[0].skus), (Some(again), 4));
}

pub(super) async fn the_stock_of_a_vendor_is_read_in_pages(h: Harness) {
    for (sku, vendor) in [
        ("A", "V"),
        ("B", "V"),
        ("C", "other"),
        ("D", "V"),
        ("E", "local"),
    ] {
        let mut change = h.make.stock(sku, Adjustment::Count(3));
        change.vendor = name(vendor);
        let done = h.store.adjust_stock(vec![change]).await.expect("taken");
        assert!(done[0].is_ok());
    }
    let (tenant, vendor) = (Tenant::default(), name("V"));
    for limit in [1, 2, 3, 9] {
        let (mut skus, mut after): (Vec<Sku>, Option<Sku>) = (vec![], None);
        loop {
            let page = h.store.vendor_stock(&tenant, &vendor, after, limit).await;
            let page = page.expect("read");
            assert!(page.items.len() <= limit);
            skus.extend(page.items.into_iter().map(|(sku, level)| {
                assert_eq!((level.on_hand, level.version), (3, 1));
                sku
            }));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!(skus, ["A", "B", "D"].map(Sku::stored), "{limit}");
    }
}

fn says(h: &Harness, units: i64) -> Adjustment {
    Adjustment::Snapshot {
        units,
        asked_at: h.clock.now(),
    }
}

pub(super) async fn what_a_vendor_says_is_a_movement_and_an_event(h: Harness) {
    let said = |units| {
        let mut change = h.make.stock("A", says(&h, units));
        change.vendor = name("V");
        change
    };
    for (units, delta) in [(5, 5), (2, -3), (0, -2)] {
        let done = h.store.write_vendor_stock(vec![said(units)]).await;
        let row = done.expect("taken").remove(0).expect("allowed");
        assert_eq!(row.level.on_hand, units);
        let logged = h.log().await.pop().expect("an event");
        assert_eq!(logged.event.kind, EventKind::StockAdjusted);
        let told: body::StockChange = serde_json::from_str(&logged.event.body).expect("readable");
        assert_eq!((told.delta, told.vendor), (delta, name("V")));
    }
    assert_eq!(h.findings().await, [""; 0]);
}
