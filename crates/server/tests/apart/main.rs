//! Roles in processes of their own on one PostgreSQL: the work is shared, and goes on when a process stops or dies.

mod shop;

use std::collections::BTreeSet;

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use shop::{EVERY_CONSUMER, PARTS, Shop};

#[tokio::test]
async fn a_killed_worker_is_succeeded_when_its_leases_have_run_out() {
    let Some(mut shop) = Shop::open().await else {
        return;
    };
    shop.shared_out_evenly().await;
    let before = shop.place(10).await;
    let killed = shop.workers.remove(0);
    shop.kill(killed).await;
    let after = shop.place(10).await;
    for consumer in EVERY_CONSUMER {
        shop.holds(0, consumer, PARTS).await;
        shop.took_over(0, consumer, 1.0).await;
    }
    shop.delivered(&[before, after].concat()).await;
    shop.adds_up().await;
}

#[tokio::test]
async fn a_stopped_worker_hands_over_at_once() {
    let Some(mut shop) = Shop::open().await else {
        return;
    };
    shop.shared_out_evenly().await;
    let mut stopped = shop.workers.remove(0);
    assert!(stopped.stop().await.expect("it ends").success());
    for consumer in EVERY_CONSUMER {
        shop.holds(0, consumer, PARTS).await;
        let takeovers = shop
            .figure(0, "waybill_lease_takeovers_total", consumer)
            .await;
        assert_eq!(takeovers, 0.0, "nothing had to run out: {consumer}");
    }
    let orders = shop.place(10).await;
    shop.delivered(&orders).await;
    shop.adds_up().await;
}

#[tokio::test]
async fn a_worker_that_slept_past_its_leases_changes_nothing_and_takes_part_again() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.shared_out_evenly().await;
    let before = shop.place(10).await;
    shop.workers[0].pause().expect("it is frozen");
    let meanwhile = shop.place(10).await;
    for consumer in EVERY_CONSUMER {
        shop.holds(1, consumer, PARTS).await;
    }
    shop.delivered(&[before, meanwhile].concat()).await;
    shop.workers[0].resume().expect("it goes on");
    shop.shared_out_evenly().await;
    let after = shop.place(10).await;
    shop.delivered(&after).await;
    shop.adds_up().await;
}

#[tokio::test]
async fn every_process_answers_reads_and_says_who_does_what_it_does_not() {
    let Some(shop) = Shop::open().await else {
        return;
    };
    let order = &shop.place(1).await[0];
    shop.delivered(std::slice::from_ref(order)).await;
    for (path, api, worker) in [
        ("/v1/orders", 200, 200),
        ("/v1/shipments", 200, 200),
        ("/v1/events", 200, 200),
        ("/v1/dead-letters", 200, 200),
        ("/metrics", 200, 200),
        ("/health/ready", 200, 200),
    ] {
        let status = async |of: &waybill_testkit::server::Waybill| {
            let answer = of.client().get(path).await;
            answer.expect("it answers").status
        };
        assert_eq!(status(&shop.api).await, api, "{path}");
        assert_eq!(status(&shop.workers[0]).await, worker, "{path}");
    }
    let described = async |of: &waybill_testkit::server::Waybill| {
        let answer = of.client().get("/openapi.json").await;
        answer.expect("it answers").text()
    };
    assert_eq!(
        described(&shop.api).await,
        described(&shop.workers[0]).await
    );
    let step = format!("/v1/shipments/{order}/status");
    for (process, path, role) in [
        (&shop.workers[0], "/v1/orders", "api"),
        (&shop.workers[0], "/api/orders", "api"),
        (&shop.api, step.as_str(), "delivery"),
    ] {
        let mut client = process.client();
        let body = "{}".to_owned().into();
        let answer = client.send(http::Method::POST, path, &[], body).await;
        let answer = answer.expect("it answers");
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        let words = format!("does not run the role {role}");
        assert!(answer.text().contains(&words), "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn many_steps_of_one_shipment_through_two_processes_are_all_taken() {
    const MANY: usize = 200;
    let Some(shop) = Shop::open().await else {
        return;
    };
    let orders = shop.place(1).await;
    shop.delivered(&orders).await;
    let path = format!("/v1/orders/{}", orders[0]);
    let order: Value = shop.api.client().get(&path).await.expect("read").json();
    let shipment = order["shipments"][0]["id"].as_str().expect("an id");
    let path = format!("/v1/shipments/{shipment}/status");
    let steps = (0..MANY).map(|n| {
        let mut client = shop.workers[n % 2].client();
        let body = json!({"status": "delivered", "trackingNumber": format!("T-{n}")});
        let path = &path;
        async move {
            let sent = client.send(Method::POST, path, &[], body.to_string().into());
            sent.await.expect("an answer")
        }
    });
    let answers = join_all(steps).await;
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let tags: BTreeSet<_> = answers.iter().map(|answer| answer.header("etag")).collect();
    assert_eq!(tags.len(), MANY, "each made a version of its own");
    shop.adds_up().await;
}
