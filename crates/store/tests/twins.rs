//! Both drivers run the same random stories and must end with the same orders, log, stock and figures.

#[path = "postgres/driver.rs"]
mod postgres;
#[path = "sqlite/driver.rs"]
mod sqlite;

use std::sync::Arc;
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::ShipmentId;
use waybill_domain::text::Tenant;
use waybill_store::conformance::{Driver, Harness, Story};
use waybill_store::{OrderFilter, OrderRecord, ShipmentFilter};

/// How many stories, of how many steps.
fn bounds() -> (u64, usize) {
    if std::env::var_os("WAYBILL_TEST_LONG").is_some() {
        (60, 300)
    } else {
        (6, 120)
    }
}

fn seed() -> u64 {
    let seed = std::env::var("WAYBILL_TEST_SEED").ok();
    seed.and_then(|s| s.parse().ok()).unwrap_or(20_260_504)
}

/// The contents of a store in a form by which two stores are compared. Order numbers and positions may have different
/// gaps, so orders and events are listed by their sequence instead.
#[derive(Debug, PartialEq)]
struct Contents {
    orders: Vec<String>,
    events: Vec<String>,
    shipments: Vec<String>,
    stock: Vec<String>,
    by_status: Vec<String>,
    timers: i64,
    overtaken: usize,
}

fn order(record: &OrderRecord) -> String {
    let OrderRecord {
        order,
        caller_number,
        content,
        personal,
        birth,
        number: _,
    } = record;
    format!("{order:?} {caller_number:?} {content} {personal:?} {birth:?}")
}

fn event(logged: &LoggedEvent, number_of: &dyn Fn(&LoggedEvent) -> String) -> String {
    let body = logged.event.body.replace(&number_of(logged), "its number");
    format!(
        "{:?} {} {:?} {:?} {body}",
        logged.event.kind, logged.event.seq, logged.event.aggregate, logged.event.meta
    )
}

#[expect(
    clippy::too_many_lines,
    reason = "everything that two stores are compared in"
)]
async fn tell(driver: Arc<dyn Driver>, seed: u64, steps: usize) -> Contents {
    let h = Harness::open(driver, seed).await;
    for sku in ["A", "B", "C"] {
        h.put(sku, 40).await;
    }
    let mut story = Story::new(h);
    story.tell(steps).await;
    let h = &story.h;
    let tenant = Tenant::default();
    let mut records = vec![];
    let mut before = None;
    loop {
        let filter = OrderFilter {
            before,
            limit: 10,
            ..OrderFilter::default()
        };
        let page = h.store.list_orders(&tenant, filter).await.expect("read");
        records.extend(page.items);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let number_of = |logged: &LoggedEvent| {
        let mut all = records.iter();
        let record = all.find(|r| Some(r.order.id) == logged.event.order_id);
        record.map_or_else(
            || "no number".into(),
            |r| waybill_domain::ids::readable_number(r.number),
        )
    };
    let events = h.log().await.iter().map(|e| event(e, &number_of)).collect();
    let mut shipments = vec![];
    let mut last: Option<ShipmentId> = None;
    loop {
        let filter = ShipmentFilter {
            before: last,
            limit: 10,
            ..ShipmentFilter::default()
        };
        let page = h.store.list_shipments(&tenant, filter).await.expect("read");
        shipments.extend(page.items.iter().map(|s| format!("{s:?}")));
        last = page.next;
        if last.is_none() {
            break;
        }
    }
    let stock = h.store.stock(&tenant, vec![], None, 10).await;
    let stats = h.store.stats().await.expect("read");
    let report = h.driver.verify().await.expect("runs");
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    let told = Contents {
        orders: records.iter().map(order).collect(),
        events,
        shipments,
        stock: stock
            .expect("read")
            .items
            .iter()
            .map(|r| format!("{r:?}"))
            .collect(),
        by_status: stats
            .orders_by_status
            .iter()
            .map(|s| format!("{s:?}"))
            .collect(),
        timers: stats.timers,
        overtaken: story.overtaken,
    };
    h.store.close().await;
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_drivers_tell_the_same_story() {
    let (stories, steps) = bounds();
    let mut events = 0;
    for story in 0..stories {
        let seed = seed().wrapping_add(story);
        let Some(shared) = postgres::Shared::new(postgres::Way::Direct, 1).await else {
            return;
        };
        let on_postgres = tell(shared, seed, steps).await;
        let on_sqlite = tell(sqlite::Embedded::new(), seed, steps).await;
        events += on_sqlite.events.len();
        // Compared piece by piece, so that a failure shows only the difference.
        assert_eq!(on_postgres.orders, on_sqlite.orders, "seed {seed}");
        assert_eq!(on_postgres.events, on_sqlite.events, "seed {seed}");
        assert_eq!(on_postgres, on_sqlite, "seed {seed}");
    }
    println!(
        "{stories} stories from seed {}: {events} events told alike",
        seed()
    );
    assert!(
        events > 100 * usize::try_from(stories).expect("few"),
        "stories too short"
    );
}
