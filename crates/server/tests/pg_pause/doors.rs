//! A process that sleeps while it takes an order: what it has locked is free again once the database has ended its
//! sessions, the others go on, and what it answers when it wakes is true.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use tokio::time::sleep;
use waybill_testkit::postgres::Postgres;
use waybill_testkit::proxy::Cut;
use waybill_testkit::unavailable::or_skip;

use crate::shop::{POLL, Shop, WITHIN, id, order, repeated};

/// The database ends a session that is idle within a transaction after a second; a few attempts of others fall into it.
const LOCKED_AT_MOST: Duration = Duration::from_secs(5);
/// More than all orders of a test ask for.
const ON_HAND: u64 = 1_000;
const MEANWHILE: usize = 5;

/// Where it falls asleep: said, and what was answered to it.
const POINTS: [(&str, Option<&str>); 4] = [
    ("/* claims::take */", None),
    // The claim and the stock row are locked by now.
    ("/* claims::take */", Some("INSERT 0 ")),
    ("/* accept::orders */", None),
    ("/* accept::orders */", Some("COMMIT\0")),
];

fn moment(point: (&str, Option<&str>)) -> Cut {
    let said = point.0.into();
    match point.1 {
        None => Cut::Hold { said },
        Some(answered) => Cut::HoldAnswer {
            said,
            answered: answered.into(),
        },
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_while_it_accepts_it_blocks_others_only_briefly_and_answers_truly_when_it_resumes() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let mut shop = Shop::with_two_doors(server).await;
    let stocked = shop.fleet.api().seed("a", ON_HAND).await;
    stocked.expect("it takes stock");
    for (number, point) in repeated(&POINTS).enumerate() {
        for asked_elsewhere in [false, true] {
            let key = format!("held-{number}-{asked_elsewhere}");
            sleeps_over(&mut shop, *point, &key, asked_elsewhere).await;
        }
    }
    let report = shop.fleet.api().verify().await.expect("verify reads");
    assert!(report.ok, "{:?}", report.findings);
    assert_eq!(shop.database.deadlocks(), Vec::<String>::new());
}

/// It falls asleep over an order with this key, which a client may give up on and ask of another door for.
async fn sleeps_over(
    shop: &mut Shop,
    point: (&str, Option<&str>),
    key: &str,
    asked_elsewhere: bool,
) {
    let hits = shop.freezes_at(moment(point));
    let (mut client, named) = (shop.sleeper().client(), key.to_owned());
    let asked = tokio::spawn(async move {
        let body = Bytes::from(order().to_string());
        let named = [("idempotency-key", named.as_str())];
        client.send(Method::POST, "/v1/orders", &named, body).await
    });
    shop.is_asleep(hits).await;

    let began = Instant::now();
    shop.place().await;
    let locked = began.elapsed();
    assert!(
        locked < LOCKED_AT_MOST,
        "{point:?}: no order was taken for {locked:?}"
    );
    let elsewhere = if asked_elsewhere {
        Some(shop.place_as(key).await)
    } else {
        None
    };
    for _ in 1..MEANWHILE {
        shop.place().await;
    }
    until_its_sessions_are_ended(shop).await;

    shop.wakes();
    let answer = asked.await.expect("the client does not panic");
    let answer = answer.expect("an answer");
    let status = answer.status;
    assert!(status.is_success(), "{point:?}: {}", answer.text());
    let told = id(&answer);
    if let Some(elsewhere) = elsewhere {
        assert_eq!(told, elsewhere, "{point:?}: one key, two orders");
    } else {
        shop.is_placed();
    }
    // It is there, once, at either door.
    for app in [shop.fleet.api(), shop.sleeper()] {
        let again = app.place(key, &order()).await.expect("an answer");
        assert!(again.status.is_success(), "{}", again.text());
        assert_eq!(id(&again), told, "{point:?}");
    }
    shop.all_is_delivered().await;
    println!("asleep at {point:?}: others sold after {locked:?}, told {status} when it woke");
}

async fn until_its_sessions_are_ended(shop: &Shop) {
    let open = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND state LIKE 'idle in transaction%'",
        shop.database.name()
    );
    let began = Instant::now();
    while shop.sql(&open) != "0" {
        assert!(began.elapsed() < WITHIN, "it still has a transaction open");
        sleep(POLL).await;
    }
}
