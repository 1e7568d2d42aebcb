//! `relay.start = "now"`: orders placed before are left out whole, and that is decided once.

use super::wire::Wire;
use super::{Shop, eventually, folder, positions, positions_of};

const NOW: &[(&str, &str)] = &[("relay.start", "now")];

#[tokio::test]
async fn orders_placed_before_are_left_out_whole_and_later_ones_sent_whole() {
    let (folder, wire) = (folder(), Wire::open());
    let shop = Shop::open(folder.path(), "api", &wire, &[]).await;
    shop.stock().await;
    let old = shop.order().await;
    let end = shop.log().await.last().expect("events").position;
    shop.close().await;

    let shop = Shop::open(folder.path(), "api,relay", &wire, NOW).await;
    // The start is written as the cursor.
    eventually(async || shop.cursor().await == end).await;
    shop.hold(&old).await;
    let young = shop.order().await;
    shop.hold(&old).await;
    shop.hold(&young).await;
    let seen = wire.until(|seen| seen.of(&young).len() == 3).await;
    assert_eq!(seen.positions(), positions_of(&shop.log().await, &young));
    assert_eq!(seen.of(&old), [0; 0]);
    shop.close().await;

    // The orders that this process has not seen begin are looked up, whatever the setting says now.
    let again = Wire::open();
    let shop = Shop::open(folder.path(), "api,relay", &again, &[]).await;
    shop.hold(&old).await;
    shop.hold(&young).await;
    shop.stock().await;
    let seen = again.confirms(2).await;
    let log = shop.log().await;
    let of_young = positions_of(&log, &young);
    let stock = log.last().expect("events").position;
    assert_eq!(seen.positions(), [of_young[3], stock]);
    assert!(of_young[0] > end, "young is younger");
    shop.close().await;
}

#[tokio::test]
async fn a_relay_that_began_at_the_beginning_goes_on_there() {
    let (folder, away) = (folder(), Wire::away());
    let shop = Shop::open(folder.path(), "api,relay", &away, &[]).await;
    shop.stock().await;
    shop.order().await;
    away.until(|seen| !seen.calls.is_empty()).await;
    shop.close().await;
    let wire = Wire::open();
    let shop = Shop::open(folder.path(), "relay", &wire, NOW).await;
    let seen = wire.confirms(3).await;
    assert_eq!(seen.positions(), positions(&shop.log().await));
    shop.close().await;
}
