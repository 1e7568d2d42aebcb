//! Events that came before others of their aggregate.

use super::*;

const ORDER: u128 = 7;

fn order() -> Uuid {
    Uuid::from_u128(ORDER)
}

#[tokio::test]
async fn an_event_that_came_too_early_waits_also_over_a_restart_and_follows_the_missing_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::open(folder.path(), &[]).await;
    service
        .take(vec![confirmed(ORDER, 2), confirmed(9, 1)])
        .await;
    let letter = service.letter().await;
    let told = ["consumer", "orderId", "eventType", "state", "reason"].map(|f| letter[f].clone());
    let expected = json!([
        "delivery-inbox",
        order(),
        "order.confirmed",
        "waiting",
        "gap"
    ]);
    assert_eq!(json!(told), expected);
    assert_eq!(letter["event"]["sequence"], 2);
    assert_eq!(
        service.shipped().await,
        [Uuid::from_u128(9)],
        "others go on"
    );
    service.close().await;

    let service = Service::open(folder.path(), &[]).await;
    service.take(vec![confirmed(ORDER, 2)]).await;
    assert_eq!(service.letters().await.len(), 1, "it waits once");
    service.take(vec![noted(ORDER, 1)]).await;
    assert!(service.letters().await.is_empty(), "it followed at once");
    let shipped = service.shipped().await;
    assert_eq!(shipped.iter().filter(|id| **id == order()).count(), 1);
    service
        .take(vec![noted(ORDER, 1), confirmed(ORDER, 2)])
        .await;
    assert_eq!(service.shipped().await.len(), 2, "each was taken once");
    service.close().await;
}

#[tokio::test]
async fn events_in_any_order_are_taken_in_theirs() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::open(folder.path(), &[]).await;
    for seqs in [[4, 2], [3, 1]] {
        service
            .take(seqs.map(|seq| noted(ORDER, seq)).to_vec())
            .await;
    }
    service.take(vec![confirmed(ORDER, 5)]).await;
    assert_eq!(service.shipped().await, [order()]);
    assert!(service.letters().await.is_empty());
    service.close().await;
}

#[tokio::test]
async fn a_redrive_finds_an_event_still_missing_and_a_discard_goes_on_without_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::open(folder.path(), &[]).await;
    service
        .take(vec![confirmed(ORDER, 3), noted(ORDER, 4)])
        .await;
    service.flag("redrive").await;
    service
        .until("a vain try", async || {
            let letter = service.letter().await;
            letter["attempts"] == 1 && letter["state"] == "waiting"
        })
        .await;
    assert!(service.shipped().await.is_empty());
    service.flag("discard").await;
    service.none_is_left().await;
    assert_eq!(service.shipped().await, [order()]);
    service.take(vec![noted(ORDER, 1), noted(ORDER, 2)]).await;
    service.take(vec![noted(ORDER, 5)]).await;
    assert!(service.letters().await.is_empty(), "given up is seen");
    service.close().await;
}

#[tokio::test]
async fn an_event_that_waited_and_fails_is_parked_and_the_missing_one_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::open(folder.path(), &[("retry.max_attempts", "0")]).await;
    let unusable = event(ORDER, 2, EventKind::OrderConfirmed, "{}");
    service.take(vec![unusable]).await;
    assert_eq!(service.letter().await["reason"], "gap");
    service.take(vec![noted(ORDER, 1)]).await;
    service
        .until("a dead letter", async || {
            let letter = service.letter().await;
            letter["reason"].is_null() && letter["eventType"] == "order.confirmed"
        })
        .await;
    service.close().await;
}

#[tokio::test]
async fn an_event_that_waits_and_is_damaged_can_be_discarded() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::open(folder.path(), &[]).await;
    let damaged = event(ORDER, 2, EventKind::OrderConfirmed, "{");
    service.take(vec![damaged]).await;
    service.flag("discard").await;
    service.none_is_left().await;
    service.take(vec![confirmed(ORDER, 3)]).await;
    assert_eq!(service.shipped().await, [order()]);
    service.close().await;
}

#[tokio::test]
async fn more_events_than_may_wait_come_again_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::open(folder.path(), &[]).await;
    let many: Vec<Message> = (2..=102).map(|seq| noted(ORDER, seq)).collect();
    let mut received = service.inbox.receive(many.clone()).await;
    let Some(Received::Later(why)) = received.pop() else {
        panic!("the last one is too many")
    };
    assert!(why.contains("100 events of it wait already"), "{why}");
    assert_eq!(received, [const { Received::Taken }; 100]);
    service.take(vec![noted(ORDER, 1)]).await;
    service.take(many).await;
    assert!(service.letters().await.is_empty());
    service.close().await;
}
