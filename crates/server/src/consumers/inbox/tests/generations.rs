//! A source that was restored.

use super::*;

const ORDER: u128 = 7;

/// The same event, written after a restore.
fn anew(message: Message) -> Message {
    let generation = "g2".into();
    let source = Source {
        generation,
        ..message.source
    };
    let mut event = message.event;
    let id = event.event.id.0.as_u128();
    event.event.id = EventId(Uuid::from_u128(id ^ (1 << 127)));
    Message {
        source,
        event,
        filler: false,
        personal: None,
        resend: None,
    }
}

#[tokio::test]
async fn a_new_generation_stops_its_source_until_it_is_adopted() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::open(folder.path(), &[]).await;
    service
        .take(vec![confirmed(ORDER, 1), noted(ORDER, 2)])
        .await;
    let health = service.ask(Method::GET, "/health").await;
    assert_eq!(health["status"], "healthy", "{health}");
    let again = anew(confirmed(ORDER, 2));
    let other = anew(confirmed(8, 1));
    let received = service
        .inbox
        .receive(vec![again.clone(), other.clone()])
        .await;
    for received in &received {
        let Received::Later(why) = received else {
            panic!("{received:?}")
        };
        assert!(why.contains("waybill inbox adopt orders g2"), "{why}");
    }
    let health = service.ask(Method::GET, "/health").await;
    assert_eq!(
        (&health["status"], &health["dependencies"]["inbox"]),
        (&json!("degraded"), &json!(false))
    );
    let inbox = service.ask(Method::GET, "/v1/inbox").await;
    let states: Vec<&Value> = inbox["generations"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|g| &g["state"])
        .collect();
    assert_eq!(states, ["taken", "stopped"], "{inbox}");

    // What was written before the restore is told by its generation, whatever is adopted.
    service.take(vec![confirmed(ORDER, 1)]).await;
    let body = json!({"generation": "g2"});
    for adopted in [1, 0] {
        let answer = service
            .send(Method::POST, "/v1/inbox/orders/adopt", &body)
            .await;
        assert_eq!(answer["adopted"], adopted);
    }
    service.take(vec![again, other]).await;
    let shipped = service.shipped().await;
    assert_eq!(
        shipped.len(),
        2,
        "what had left is not sent again: {shipped:?}"
    );
    assert!(shipped.contains(&Uuid::from_u128(8)));
    let health = service.ask(Method::GET, "/health").await;
    assert_eq!(health["status"], "healthy", "{health}");
    service.close().await;
}

#[tokio::test]
async fn an_order_whose_lost_event_had_the_same_number_is_sent_after_the_adoption() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::open(folder.path(), &[]).await;
    service
        .take((1..=4).map(|seq| noted(ORDER, seq)).collect())
        .await;
    let hold = r#"{"status":"pending","holdId":"00000000-0000-0000-0000-000000000009","lines":[]}"#;
    service
        .take(vec![event(ORDER, 5, EventKind::OrderHoldPlaced, hold)])
        .await;
    let fresh = anew(confirmed(ORDER, 3));
    service.inbox.receive(vec![fresh.clone()]).await;
    let body = json!({"generation": "g2"});
    service
        .send(Method::POST, "/v1/inbox/orders/adopt", &body)
        .await;
    service.take(vec![fresh]).await;
    assert_eq!(service.shipped().await, [Uuid::from_u128(ORDER)]);
    service.take(vec![noted(ORDER, 6)]).await;
    assert!(
        service.letters().await.is_empty(),
        "the lost branch has ended"
    );
    service.close().await;
}
