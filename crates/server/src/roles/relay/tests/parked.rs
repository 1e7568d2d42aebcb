//! An event that the broker will never take parks its order alone.

use waybill_broker::publisher::Published;
use waybill_domain::parked::ParkedState;

use super::wire::Wire;
use super::{Shop, eventually, folder, positions_of};

/// Two orders of two events each, of which the first event of the first one is impossible, and a third event of the
/// first order. Returns the orders.
async fn stuck(shop: &Shop, wire: &Wire) -> [String; 2] {
    shop.stock().await;
    wire.confirms(1).await;
    let first = std::sync::Arc::new(parking_lot::Mutex::new(None));
    wire.now(move |message| {
        let mut first = first.lock();
        let first = first.get_or_insert(message.event.position);
        if *first == message.event.position && !message.filler {
            return Published::Impossible("too large".into());
        }
        Published::Confirmed
    });
    let one = shop.order().await;
    let two = shop.order().await;
    shop.hold(&one).await;
    wire.until(|seen| seen.of(&two).len() == 2).await;
    [one, two]
}

/// Waits until the only parked event is a dead letter.
async fn dead(shop: &Shop, wire: &Wire) {
    dead_with(shop, wire, "too large").await;
}

async fn dead_with(shop: &Shop, wire: &Wire, error: &str) {
    // The first try, and one for each retry of the schedule.
    wire.until(|seen| seen.refused.len() >= 6).await;
    eventually(async || shop.parked().await[0].state == ParkedState::Dead).await;
    let parked = shop.parked().await;
    let told = (parked[0].attempts, parked[0].error.as_deref());
    assert_eq!(told, (6, Some(error)));
    assert_eq!((parked.len(), parked[0].consumer.as_str()), (1, "relay"));
}

#[tokio::test]
async fn an_order_with_an_impossible_event_waits_and_others_go_on_until_it_is_redriven() {
    let (folder, wire) = (folder(), Wire::open());
    let shop = Shop::open(folder.path(), "api,relay", &wire, &[]).await;
    let [one, two] = stuck(&shop, &wire).await;
    dead(&shop, &wire).await;
    let log = shop.log().await;
    let seen = wire.seen();
    assert_eq!(
        seen.of(&one),
        [0; 0],
        "nothing of it before its first event"
    );
    assert_eq!(seen.of(&two), positions_of(&log, &two));

    wire.now(|_| Published::Confirmed);
    shop.hold(&one).await;
    shop.flag("redrive").await;
    let seen = wire.until(|seen| seen.of(&one).len() == 4).await;
    assert_eq!(seen.of(&one), positions_of(&shop.log().await, &one));
    assert!(seen.confirmed.iter().all(|c| !c.filler));
    shop.hold(&one).await;
    let seen = wire.until(|seen| seen.of(&one).len() == 5).await;
    assert_eq!(seen.of(&one), positions_of(&shop.log().await, &one));
    shop.settles().await;
    shop.close().await;
}

#[tokio::test]
async fn a_discarded_event_goes_out_as_a_filler_of_its_number() {
    let (folder, wire) = (folder(), Wire::open());
    let shop = Shop::open(folder.path(), "api,relay", &wire, &[]).await;
    let [one, _] = stuck(&shop, &wire).await;
    dead(&shop, &wire).await;
    shop.flag("discard").await;
    let seen = wire.until(|seen| seen.of(&one).len() == 3).await;
    let of_one = seen.confirmed.iter().filter(|c| c.key == one);
    let told: Vec<(i64, bool)> = of_one.map(|c| (c.seq, c.filler)).collect();
    assert_eq!(told, [(1, true), (2, false), (3, false)]);
    shop.settles().await;
    shop.close().await;
}

#[tokio::test]
async fn a_damaged_envelope_goes_out_as_a_filler_and_stops_no_other_order() {
    let (folder, wire) = (folder(), Wire::open());
    let shop = Shop::open(folder.path(), "api,relay", &wire, &[]).await;
    let [one, _] = stuck(&shop, &wire).await;
    dead(&shop, &wire).await;
    shop.close().await;
    let database = rusqlite::Connection::open(folder.path().join("data/waybill.db"));
    let damage = "UPDATE parked SET envelope = '' WHERE attempts = 6";
    let damaged = database.expect("the file is there").execute(damage, []);
    assert_eq!(damaged.expect("written"), 1);
    let again = Wire::open();
    let shop = Shop::open(folder.path(), "api,relay", &again, &[]).await;
    let two = shop.order().await;
    again.until(|seen| seen.of(&two).len() == 2).await;
    shop.flag("discard").await;
    let seen = again.until(|seen| seen.of(&one).len() == 3).await;
    let of_one = seen.confirmed.iter().filter(|c| c.key == one);
    let told: Vec<(i64, bool)> = of_one.map(|c| (c.seq, c.filler)).collect();
    assert_eq!(
        told,
        [(1, true), (2, false), (3, false)],
        "its number is still in the log"
    );
    shop.settles().await;
    shop.close().await;
}

#[tokio::test]
async fn what_waits_behind_a_parked_event_outlives_the_process() {
    let (folder, wire) = (folder(), Wire::open());
    let shop = Shop::open(folder.path(), "api,relay", &wire, &[]).await;
    let [one, _] = stuck(&shop, &wire).await;
    dead(&shop, &wire).await;
    shop.close().await;
    let again = Wire::open();
    let shop = Shop::open(folder.path(), "api,relay", &again, &[]).await;
    shop.hold(&one).await;
    let two = shop.order().await;
    again.until(|seen| seen.of(&two).len() == 2).await;
    assert_eq!(
        again.seen().of(&one),
        [0; 0],
        "the dead letter waits for a person"
    );
    shop.flag("redrive").await;
    let seen = again.until(|seen| seen.of(&one).len() == 4).await;
    assert_eq!(seen.of(&one), positions_of(&shop.log().await, &one));
    shop.close().await;
}

#[tokio::test]
async fn a_parked_event_waits_too_while_the_broker_is_away() {
    let (folder, wire) = (folder(), Wire::open());
    let shop = Shop::open(folder.path(), "api,relay", &wire, &[]).await;
    let [one, _] = stuck(&shop, &wire).await;
    dead(&shop, &wire).await;
    wire.now(|_| Published::Later("away".into()));
    let refused = wire.seen().refused.len();
    shop.flag("redrive").await;
    wire.until(|seen| seen.refused.len() >= refused + 10).await;
    let parked = shop.parked().await;
    let told = (parked[0].attempts, parked[0].state);
    assert_eq!(told, (6, ParkedState::Redrive), "no attempt is spent");
    wire.now(|_| Published::Confirmed);
    let seen = wire.until(|seen| seen.of(&one).len() == 3).await;
    assert_eq!(seen.of(&one), positions_of(&shop.log().await, &one));
    shop.close().await;
}

#[tokio::test]
async fn an_impossible_event_of_a_stock_row_is_redriven_too() {
    let wire = Wire::scripted(|_| Published::Impossible("no place for it".into()));
    let folder = folder();
    let shop = Shop::open(folder.path(), "api,relay", &wire, &[]).await;
    shop.stock().await;
    dead_with(&shop, &wire, "no place for it").await;
    wire.now(|_| Published::Confirmed);
    shop.stock().await;
    let two = shop.order().await;
    wire.until(|seen| seen.of(&two).len() == 2).await;
    shop.flag("redrive").await;
    let seen = wire.confirms(4).await;
    let log = shop.log().await;
    let row = log[0].event.key().to_string();
    assert_eq!(seen.of(&row), positions_of(&log, &row), "in its order");
    assert_eq!(seen.of(&row).len(), 2);
    shop.settles().await;
    shop.close().await;
}
