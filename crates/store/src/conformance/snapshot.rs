//! Pages of orders with positions of the log, read beside writes: a page shows the state that the events up to its
//! positions add up to.

use super::Harness;
use crate::model::{Positions, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use waybill_domain::command::Command;
use waybill_domain::event::{AggregateKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;

/// The versions of the orders on a page, and the page's positions in the log.
struct Seen {
    positions: Positions,
    versions: Vec<(OrderId, i64)>,
    first: bool,
}

/// Reads pages from the newest order on, again and again, until the writers have ended.
async fn walk(h: &Harness, written: &AtomicBool) -> Vec<Seen> {
    let (mut seen, mut before) = (vec![], None);
    loop {
        let enough = written.load(Ordering::SeqCst);
        let page = h.store.snapshot(&Tenant::default(), before, 7).await;
        let Snapshot { page, positions } = page.expect("read");
        let orders = page.items.iter().map(|r| &r.order);
        seen.push(Seen {
            positions,
            versions: orders.map(|o| (o.id, o.version)).collect(),
            first: before.is_none(),
        });
        before = page.next;
        if enough && before.is_none() {
            return seen;
        }
    }
}

/// Writes orders and changes each of them several times.
async fn write(h: &Harness, written: &AtomicBool) {
    let mut ids = vec![];
    for n in 0..60_usize {
        let mine = h.make.order(&[("A", 1)]);
        ids.push(mine.id);
        h.accept(vec![mine, h.make.order_of("other", &[("A", 1)])])
            .await;
        for id in [ids[n / 2], ids[n]] {
            h.done(id, &Command::AddNote).await;
        }
    }
    written.store(true, Ordering::SeqCst);
}

async fn story(h: &Harness) -> (Vec<Seen>, Vec<LoggedEvent>) {
    h.put("A", 1_000).await;
    let written = AtomicBool::new(false);
    let (seen, ()) = tokio::join!(walk(h, &written), write(h, &written));
    assert!(
        seen.iter().filter(|s| s.first).count() > 2,
        "pages were read while orders moved"
    );
    (seen, h.log().await)
}

/// The version that each order of the tenant has by the events up to a place.
fn versions_at(log: &[LoggedEvent], place: &Positions) -> BTreeMap<OrderId, i64> {
    let of_mine = log.iter().filter(|e| {
        e.event.aggregate.kind == AggregateKind::Order && e.event.tenant == Tenant::default()
    });
    let by_then = of_mine.filter(|e| e.position <= place.of(e.partition));
    // Oldest first within a partition, and an order stays in its partition.
    by_then
        .map(|e| (OrderId(e.event.aggregate.id), e.event.seq))
        .collect()
}

pub(super) async fn every_page_is_what_the_log_amounts_to_at_its_place(h: Harness) {
    let (seen, log) = story(&h).await;
    for page in &seen {
        let versions = versions_at(&log, &page.positions);
        for (id, version) in &page.versions {
            assert_eq!(versions.get(id), Some(version), "{id}");
        }
    }
}

pub(super) async fn all_pages_and_the_log_after_the_first_one_tell_of_every_order(h: Harness) {
    let (seen, log) = story(&h).await;
    let walks = seen.chunk_by(|_, next| !next.first);
    for pages in walks {
        let shown: BTreeSet<OrderId> = pages
            .iter()
            .flat_map(|page| page.versions.iter().map(|(id, _)| *id))
            .collect();
        for id in versions_at(&log, &pages[0].positions).keys() {
            assert!(shown.contains(id), "{id} is neither shown nor told later");
        }
    }
}
