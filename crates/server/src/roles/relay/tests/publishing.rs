//! The log is published whole and in order, and the cursor follows what is confirmed.

use std::time::Duration;

use waybill_broker::publisher::Published;

use super::wire::Wire;
use super::{Shop, folder, positions, write_plain_log};

#[tokio::test]
async fn every_event_is_published_in_the_order_of_the_log_and_once_over_a_restart() {
    let (folder, wire) = (folder(), Wire::open());
    let shop = Shop::open(folder.path(), "api,relay", &wire, &[]).await;
    shop.stock().await;
    let first = shop.order().await;
    shop.order().await;
    shop.hold(&first).await;
    let seen = wire.confirms(6).await;
    let log = shop.log().await;
    assert_eq!(seen.positions(), positions(&log), "stock events too");
    assert!(seen.confirmed.iter().all(|c| !c.filler));
    shop.close().await;

    let again = Wire::open();
    let shop = Shop::open(folder.path(), "api,relay", &again, &[]).await;
    assert_eq!(shop.cursor().await, log.last().expect("events").position);
    shop.order().await;
    let seen = again.confirms(2).await;
    assert_eq!(seen.positions(), positions(&shop.log().await)[6..]);
    shop.close().await;
}

#[tokio::test]
async fn a_message_names_the_store_and_its_generation() {
    let (folder, sources) = (
        folder(),
        std::sync::Arc::new(parking_lot::Mutex::new(vec![])),
    );
    let kept = sources.clone();
    let wire = Wire::scripted(move |message| {
        kept.lock().push(message.source.clone());
        Published::Confirmed
    });
    let shop = Shop::open(folder.path(), "api,relay", &wire, &[]).await;
    shop.stock().await;
    wire.confirms(1).await;
    let identity = shop.app.store.identity();
    let source = sources.lock()[0].clone();
    assert_eq!(source.store_id, identity.store_id);
    assert_eq!(source.generation, identity.generation);
    shop.close().await;
}

#[tokio::test]
async fn a_backlog_goes_out_in_batches_of_the_setting_and_the_cursor_is_written_seldom() {
    let (folder, wire) = (folder(), Wire::open());
    let shop = Shop::open(folder.path(), "api", &wire, &[]).await;
    shop.stock().await;
    for _ in 0..20 {
        shop.order().await;
    }
    shop.close().await;
    let limit = [("relay.batch_limit", "7")];
    let shop = Shop::open(folder.path(), "relay", &wire, &limit).await;
    let seen = wire.confirms(41).await;
    let log = positions(&shop.log().await);
    assert_eq!(seen.positions(), log);
    let starts: Vec<i64> = log.chunks(7).map(|batch| batch[0]).collect();
    assert_eq!(seen.calls, starts);
    shop.close().await;
}

#[tokio::test]
async fn a_broker_that_is_away_costs_time_and_no_attempts() {
    let (folder, wire) = (folder(), Wire::away());
    let shop = Shop::open(folder.path(), "api,relay", &wire, &[]).await;
    shop.stock().await;
    shop.order().await;
    wire.until(|seen| seen.calls.len() >= 4).await;
    assert_eq!(shop.cursor().await, 0, "nothing is confirmed");
    assert!(shop.parked().await.is_empty());
    wire.now(|_| Published::Confirmed);
    let seen = wire.confirms(3).await;
    assert_eq!(seen.positions(), positions(&shop.log().await));
    shop.close().await;
}

#[tokio::test]
async fn after_a_refusal_it_goes_on_with_the_first_event_that_was_not_confirmed() {
    let (folder, wire) = (folder(), Wire::open());
    let shop = Shop::open(folder.path(), "api", &wire, &[]).await;
    shop.stock().await;
    for _ in 0..3 {
        shop.order().await;
    }
    let log = positions(&shop.log().await);
    shop.close().await;
    let (third, mut refusals) = (log[2], 2);
    wire.now(move |message| {
        if message.event.position == third && refusals > 0 {
            refusals -= 1;
            return Published::Later("busy".into());
        }
        Published::Confirmed
    });
    let shop = Shop::open(folder.path(), "relay", &wire, &[]).await;
    let seen = wire.until(|seen| seen.positions().contains(&third)).await;
    assert_eq!(seen.calls, [log[0], third, third]);
    let first_times = first_times(&seen.positions());
    let of_order = |order: usize| [log[1 + 2 * order], log[2 + 2 * order]];
    for order in 0..3 {
        let sent: Vec<_> = first_times
            .iter()
            .copied()
            .filter(|position| of_order(order).contains(position))
            .collect();
        assert_eq!(sent, of_order(order), "in order per order");
    }
    assert_eq!(first_times.len(), log.len(), "all of them");
    shop.close().await;
}

/// Each position where it was seen first.
pub fn first_times(positions: &[i64]) -> Vec<i64> {
    let mut first = vec![];
    for position in positions {
        if !first.contains(position) {
            first.push(*position);
        }
    }
    first
}

#[tokio::test]
async fn an_event_of_an_unknown_type_stops_the_relay_until_it_can_be_read() {
    let (folder, wire) = (folder(), Wire::open());
    let shop = Shop::open(folder.path(), "api", &wire, &[]).await;
    shop.close().await;
    write_plain_log(&folder);
    let shop = Shop::open(folder.path(), "api", &wire, &[]).await;
    shop.stock().await;
    shop.order().await;
    shop.order().await;
    let log = shop.log().await;
    shop.close().await;
    let strange = &log[2];
    let retype = |kind: &str| {
        let database = rusqlite::Connection::open(folder.path().join("data/waybill.db"));
        let database = database.expect("the file is there");
        let changed = database.execute(
            "UPDATE events SET type = ?1 WHERE position = ?2",
            (kind, strange.position),
        );
        assert_eq!(changed.expect("written"), 1);
    };
    retype("order.sung");
    let shop = Shop::open(folder.path(), "relay", &wire, &[]).await;
    wire.confirms(2).await;
    retype(strange.event.kind.as_str());
    let seen = wire.confirms(log.len()).await;
    assert_eq!(
        seen.positions(),
        positions(&log),
        "no event was passed over"
    );
    shop.close().await;
}

#[tokio::test]
async fn a_process_stops_although_the_broker_does_not_answer() {
    let (folder, wire) = (folder(), Wire::open());
    let (asked, was_asked) = tokio::sync::oneshot::channel();
    let silent = std::sync::Arc::new(Silent(parking_lot::Mutex::new(Some(asked))));
    let shop = Shop::open_with(folder.path(), "api,relay", silent, &[]).await;
    shop.stock().await;
    was_asked.await.expect("the relay publishes");
    let stopped = tokio::time::timeout(Duration::from_secs(20), shop.close()).await;
    stopped.expect("it stops");
    let shop = Shop::open(folder.path(), "relay", &wire, &[]).await;
    let seen = wire.confirms(1).await;
    assert_eq!(seen.positions(), positions(&shop.log().await));
    shop.close().await;
}

/// Never answers.
struct Silent(parking_lot::Mutex<Option<tokio::sync::oneshot::Sender<()>>>);

#[async_trait::async_trait]
impl waybill_broker::publisher::Publisher for Silent {
    fn name(&self) -> &'static str {
        "silent"
    }

    async fn publish(&self, _: Vec<waybill_broker::message::Message>) -> Vec<Published> {
        if let Some(asked) = self.0.lock().take() {
            // No error: the test may have ended.
            let _ = asked.send(());
        }
        std::future::pending().await
    }
}
