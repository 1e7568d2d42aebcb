//! Several processes on one PostgreSQL database share the partitions of its log.

use waybill_testkit::postgres::Postgres;
use waybill_testkit::unavailable::or_skip;

use super::publishing::first_times;
use super::wire::Wire;
use super::{Shop, folder, positions_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_stays_in_order_while_a_process_joins_and_leaves() {
    let Some(postgres) = or_skip(Postgres::shared()) else {
        return;
    };
    let database = postgres.database(None).expect("a database");
    let url = database.url();
    let shared = [("store.url", url.as_str()), ("store.parts", "4")];
    let (folder, wire) = (folder(), Wire::open());
    let shop = Shop::open(folder.path(), "api,relay", &wire, &shared).await;
    shop.stock().await;
    let mut orders = vec![];
    for _ in 0..16 {
        orders.push(shop.order().await);
    }
    let other = Shop::open(folder.path(), "relay", &wire, &shared).await;
    for order in &orders {
        shop.hold(order).await;
    }
    // The process that leaves hands over the partitions that it has got by now.
    let young = shop.order().await;
    wire.until(|seen| seen.of(&young).len() == 2).await;
    other.close().await;
    for order in &orders {
        shop.hold(order).await;
    }
    orders.push(young);
    let log = shop.log().await;
    let seen = wire
        .until(|seen| {
            let all = |order: &String| first_times(&seen.of(order)).len();
            orders.iter().map(all).sum::<usize>() == 16 * 4 + 2
        })
        .await;
    for order in &orders {
        let sent = first_times(&seen.of(order));
        assert_eq!(sent, positions_of(&log, order), "{order}");
    }
    let partitions: std::collections::BTreeSet<u16> = log.iter().map(|e| e.partition).collect();
    assert!(partitions.len() > 1, "{partitions:?}");
    shop.close().await;
}
