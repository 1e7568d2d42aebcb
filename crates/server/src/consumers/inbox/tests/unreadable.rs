//! Messages that cannot be read, or are not wanted.

use super::*;
use futures::FutureExt;
use tokio::net::TcpListener;
use waybill_domain::inbox::UNREADABLE_OF_CONSUMER;

const ORDER: u128 = 7;
const OTHER: u128 = 9;

async fn open(set: &[(&str, &str)]) -> (tempfile::TempDir, Service) {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::open(folder.path(), set).await;
    (folder, service)
}

#[tokio::test]
async fn each_bad_message_is_kept_with_its_reason_and_the_lane_goes_on() {
    let tenants = [("inbox.tenants", "default")];
    let mut torn = raw(&noted(ORDER, 1));
    torn.body.truncate(9);
    let bad = [
        (RawMessage::default(), "no CloudEvent"),
        (
            with(&noted(ORDER, 1), name::TYPE, "order.teleported"),
            "order.teleported",
        ),
        (
            with(&noted(ORDER, 1), name::SCHEMA_VERSION, "99"),
            "schema version 99",
        ),
        (
            with(&noted(ORDER, 1), name::TENANT, "stranger"),
            "inbox.tenants",
        ),
        (torn, "damaged"),
    ];
    for (bad, reason) in bad {
        let (_folder, service) = open(&tenants).await;
        let fine = raw(&confirmed(OTHER, 1));
        let settled = service.deliver(vec![bad.clone(), fine, bad]).await;
        assert!(matches!(&settled[0], Settled::Unreadable(_)), "{settled:?}");
        assert_eq!(settled[1], Settled::Taken);
        let letter = service.letter().await;
        assert_eq!(letter["reason"], "unreadable", "it is kept once: {letter}");
        assert_eq!(
            (&letter["state"], &letter["event"]),
            (&json!("waiting"), &Value::Null)
        );
        let error = letter["error"].as_str().expect("text");
        assert!(error.contains(reason), "{error}");
        assert_eq!(service.shipped().await, [Uuid::from_u128(OTHER)]);
        service.flag("discard").await;
        service.none_is_left().await;
        service.close().await;
    }
}

#[tokio::test]
async fn later_events_wait_for_a_bad_message_until_it_is_discarded() {
    let (_folder, service) = open(&[]).await;
    let bad = with(&noted(ORDER, 1), name::TYPE, "order.teleported");
    service.deliver(vec![bad.clone()]).await;
    service.deliver(vec![raw(&confirmed(ORDER, 2))]).await;
    assert!(service.shipped().await.is_empty());
    let letter = service.letter().await;
    assert_eq!(letter["reason"], "unreadable", "the cause is shown first");
    assert_eq!(letter["attributes"]["type"], "order.teleported");
    service.flag("redrive").await;
    service
        .until("a vain try", async || {
            service.letter().await["attempts"] == 1
        })
        .await;
    service.flag("discard").await;
    service.none_is_left().await;
    assert_eq!(service.shipped().await, [Uuid::from_u128(ORDER)]);
    service.deliver(vec![bad]).await;
    assert!(
        service.letters().await.is_empty(),
        "its number counts as seen"
    );
    service.close().await;
}

#[tokio::test]
async fn what_a_newer_setting_allows_is_taken_when_it_is_redriven() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::open(folder.path(), &[("inbox.tenants", "another")]).await;
    service
        .deliver(vec![raw(&noted(ORDER, 1)), raw(&confirmed(ORDER, 2))])
        .await;
    assert_eq!(service.letters().await.len(), 1);
    service.close().await;
    let service = Service::open(folder.path(), &[]).await;
    for _ in 0..2 {
        service
            .until("the next one", async || {
                service
                    .letters()
                    .await
                    .iter()
                    .all(|l| l["state"] == "waiting")
            })
            .await;
        if !service.letters().await.is_empty() {
            service.flag("redrive").await;
        }
    }
    service.none_is_left().await;
    assert_eq!(service.shipped().await, [Uuid::from_u128(ORDER)]);
    service.close().await;
}

#[tokio::test]
async fn a_discard_before_its_turn_keeps_its_place() {
    let (_folder, service) = open(&[]).await;
    let bad = with(&noted(ORDER, 2), name::TYPE, "order.teleported");
    service.deliver(vec![bad, raw(&confirmed(ORDER, 3))]).await;
    service.flag("discard").await;
    service
        .until("a filler that waits", async || {
            service.letter().await["reason"] == "gap"
        })
        .await;
    service.deliver(vec![raw(&noted(ORDER, 1))]).await;
    service.none_is_left().await;
    assert_eq!(service.shipped().await, [Uuid::from_u128(ORDER)]);
    service.close().await;
}

#[tokio::test]
async fn of_a_message_that_is_too_large_to_keep_the_body_is_left_out() {
    let (_folder, service) = open(&[]).await;
    let mut large = raw(&noted(ORDER, 1));
    large.body = vec![b'x'; 1 << 20];
    let mut larger = with(&noted(OTHER, 1), name::ACTOR, &"x".repeat(1 << 20));
    larger.body = b"no JSON".to_vec();
    service
        .deliver(vec![large, larger, raw(&confirmed(OTHER, 2))])
        .await;
    let letters = service.letters().await;
    assert_eq!(letters.len(), 2, "{letters:?}");
    for letter in letters {
        assert_eq!(letter["attributes"]["sequence"], "1");
        let error = letter["error"].as_str().expect("text");
        assert!(error.contains("its body is not kept"), "{error}");
        let id = letter["id"].as_str().expect("an id");
        let path = format!("/v1/dead-letters/{id}/discard");
        service.ask(Method::POST, &path).await;
    }
    service.none_is_left().await;
    assert_eq!(service.shipped().await, [Uuid::from_u128(OTHER)]);
    service.close().await;
}

#[tokio::test]
async fn messages_that_are_not_wanted_do_not_stop_others_however_many_they_are() {
    let (_folder, service) = open(&[("inbox.tenants", "default")]).await;
    let of_others = |n| with(&noted(1_000 + n, 1), name::TENANT, "stranger");
    let many = (0..=u128::from(UNREADABLE_OF_CONSUMER)).map(of_others);
    service.deliver(many.collect()).await;
    service.deliver(vec![raw(&confirmed(OTHER, 1))]).await;
    assert_eq!(service.shipped().await, [Uuid::from_u128(OTHER)]);
    service.close().await;
}

#[tokio::test]
async fn an_event_that_is_elsewhere_is_looked_for_at_the_known_address_alone() {
    let stranger = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let elsewhere = stranger.local_addr().expect("an address");
    let set = [
        ("broker.source_url", "http://127.0.0.1:9"),
        ("broker.token", "secret"),
    ];
    for (set, advice) in [(&set[..], "is asked alone"), (&[], "broker.source_url")] {
        let (_folder, service) = open(set).await;
        let dataref = format!("http://{elsewhere}/v1/orders/1/events#2");
        let large = with(&confirmed(ORDER, 1), name::DATAREF, &dataref);
        service
            .deliver(vec![large, raw(&confirmed(OTHER, 1))])
            .await;
        let error = service.letter().await["error"].to_string();
        assert!(error.contains(advice), "{error}");
        assert_eq!(service.shipped().await, [Uuid::from_u128(OTHER)]);
        assert!(
            stranger.accept().now_or_never().is_none(),
            "it is not connected to"
        );
        service.close().await;
    }
    // The same address is asked where the settings name it.
    let url = format!("http://{elsewhere}");
    let known = [("broker.source_url", &*url), ("broker.token", "secret")];
    let (_folder, service) = open(&known).await;
    let large = with(
        &confirmed(ORDER, 1),
        name::DATAREF,
        &format!("{url}/v1/orders/1/events#2"),
    );
    let mut asked = 0;
    let hanging_up = async {
        while stranger.accept().await.is_ok() {
            asked += 1;
        }
    };
    tokio::select! {
        _ = service.deliver(vec![large]) => {}
        () = hanging_up => {}
    }
    assert!(asked > 0, "it is asked");
    service.close().await;
}
