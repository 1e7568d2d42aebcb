//! Personal data that is sent to another store beside an event, and that comes from one.

use super::Harness;
use crate::model::{Advance, InboxBatch};
use waybill_domain::change::OrderEffect;
use waybill_domain::content::Personal;
use waybill_domain::event::{Aggregate, AggregateKind};
use waybill_domain::inbox::{Seen, Watermark};

const CONSUMER: &str = "delivery-inbox";

fn noted(words: &str) -> Personal {
    Personal {
        notes: Some(words.into()),
        ..Personal::default()
    }
}

pub(super) async fn what_comes_with_an_event_is_kept_in_its_transaction_and_never_replaced(
    h: Harness,
) {
    let id = h.sold("A", 50, 1).await;
    let source = h.store.inbox_source(CONSUMER, "other", "g1").await;
    let source = source.expect("the source is recorded").id;
    let aggregate = Aggregate {
        kind: AggregateKind::Order,
        id: id.0,
    };
    let seen = |seq| Seen {
        mark: Watermark { generation: 1, seq },
        gaps: 0,
    };
    let partition = h.order(id).await.partition;
    let batch = |from: Option<i64>, to: i64, park, words: &str| InboxBatch::<OrderEffect> {
        consumer: CONSUMER.into(),
        source,
        partition,
        advances: vec![Advance {
            aggregate,
            from: from.map(seen),
            to: seen(to),
        }],
        hold: vec![],
        release: vec![],
        discarded: vec![],
        changes: vec![],
        park,
        personal: vec![(id, noted(words))],
    };
    let kept = async || {
        let kept = h.store.personal_of(vec![id, h.make.order(&[]).id]).await;
        kept.expect("it is read")
    };
    assert_eq!(kept().await, []);
    // With an event that is parked too: its row does not hold it.
    let events = h.events_of(id).await;
    let park = vec![h.parking(&events[0], Some("its time has not come"), 1_000)];
    let received = h.store.receive(batch(None, 1, park, "at the gate")).await;
    received.expect("taken");
    assert_eq!(kept().await, [(id, noted("at the gate"))]);
    let parked = h
        .store
        .list_parked(&waybill_domain::text::Tenant::default(), None, 10)
        .await;
    let parked = format!("{:?}", parked.expect("read").items);
    assert!(!parked.contains("at the gate"), "{parked}");
    // The watermark is elsewhere, so nothing of the batch is written.
    let stale = h.store.receive(batch(None, 2, vec![], "stale")).await;
    assert!(stale.is_err());
    let received = h.store.receive(batch(Some(1), 2, vec![], "later")).await;
    received.expect("taken");
    assert_eq!(kept().await, [(id, noted("at the gate"))]);
    h.store.close().await;
}
