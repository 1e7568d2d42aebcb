//! Figures: the counters equal the tables.

use super::Harness;
use super::story::Story;
use std::collections::BTreeMap;
use waybill_domain::status::OrderStatus;

pub(super) async fn an_empty_store_counts_nothing(h: Harness) {
    let stats = h.store.stats().await.expect("read");
    assert_eq!(stats.orders_by_status.len(), OrderStatus::ALL.len());
    assert!(stats.orders_by_status.iter().all(|(_, n)| *n == 0));
    assert_eq!(
        (
            stats.log_positions.of(0),
            stats.parked,
            stats.timers,
            stats.work
        ),
        (0, 0, 0, 0)
    );
}

pub(super) async fn the_counters_equal_the_rows_after_a_random_story(h: Harness) {
    let mut story = Story::new(h);
    story.tell(150).await;
    for again in [false, true] {
        if again {
            story.h.reopen().await;
        }
        let mut rows: BTreeMap<&str, i64> = BTreeMap::new();
        let orders = story
            .h
            .store
            .orders(story.orders.clone())
            .await
            .expect("read");
        orders
            .iter()
            .for_each(|o| *rows.entry(o.status.as_str()).or_default() += 1);
        let stats = story.h.store.stats().await.expect("read");
        let counted = stats.orders_by_status.iter().filter(|(_, n)| *n != 0);
        assert_eq!(
            counted
                .map(|(s, n)| (s.as_str(), *n))
                .collect::<BTreeMap<_, _>>(),
            rows
        );
        let log = story.h.log().await;
        assert_eq!(
            stats.log_positions.of(0),
            log.last().expect("events").position
        );
        let verified = story.h.driver.verify().await.expect("runs").counts;
        assert_eq!(
            (verified.events, verified.orders),
            (log.len(), orders.len())
        );
        assert_eq!(i64::try_from(verified.timers).expect("few"), stats.timers);
    }
}
