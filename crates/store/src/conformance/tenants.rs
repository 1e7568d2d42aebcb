//! Two tenants in one store: neither sees the other (I15).

use super::Harness;
use crate::model::Positions;
use crate::model::{Flag, FlaggedRow, OrderFilter, OrderRef, ShipmentFilter};
use waybill_domain::parked::ParkedState;
use waybill_domain::stock::Adjustment;
use waybill_domain::text::Tenant;

fn other() -> Tenant {
    Tenant::stored("other")
}

pub(super) async fn the_same_key_of_two_tenants_makes_two_orders(h: Harness) {
    h.put("A", 5).await;
    let mut change = h.make.stock("A", Adjustment::Count(7));
    change.tenant = other();
    h.store
        .adjust_stock(vec![change])
        .await
        .expect("stock is written");
    let mine = h.make.order(&[("A", 2)]);
    let mut theirs = h.make.again(&mine);
    theirs.tenant = other();
    h.created(mine.clone()).await;
    h.created(theirs.clone()).await;
    assert_eq!(h.level("A").await.available(), 3);
    let page = h
        .store
        .stock(&other(), vec![], None, 10)
        .await
        .expect("stock is read");
    assert_eq!(
        page.items
            .iter()
            .map(|r| r.level.available())
            .collect::<Vec<_>>(),
        [5]
    );
    assert_eq!(h.findings().await, [""; 0]);
}

#[expect(clippy::too_many_lines, reason = "every call of the trait in turn")]
pub(super) async fn an_order_of_another_tenant_is_not_there(h: Harness) {
    h.put("A", 5).await;
    let order = h.make.order(&[("A", 1)]);
    let id = h.created(order.clone()).await;
    let number = h.record(id).await.number;
    let shipment = h.shipped_off(id).await;
    let claim = OrderRef::Claim {
        kind: order.claims[0].kind,
        hash: order.claims[0].hash,
    };
    for by in [OrderRef::Id(id), OrderRef::Number(number), claim] {
        assert!(h.store.order(&other(), by).await.expect("read").is_none());
    }
    let filter = OrderFilter {
        limit: 10,
        ..OrderFilter::default()
    };
    assert!(
        h.store
            .list_orders(&other(), filter)
            .await
            .expect("read")
            .items
            .is_empty()
    );
    assert!(
        h.store
            .shipment(&other(), shipment.id)
            .await
            .expect("read")
            .is_none()
    );
    assert!(
        h.store
            .shipment(&Tenant::default(), shipment.id)
            .await
            .expect("read")
            .is_some()
    );
    for order_id in [None, Some(id)] {
        let filter = ShipmentFilter {
            order_id,
            limit: 10,
            ..ShipmentFilter::default()
        };
        assert!(
            h.store
                .list_shipments(&other(), filter)
                .await
                .expect("read")
                .items
                .is_empty()
        );
    }
    assert!(
        h.store
            .stock(&other(), vec![], None, 10)
            .await
            .expect("read")
            .items
            .is_empty()
    );
    assert!(
        h.store
            .stock(&other(), vec!["A".into()], None, 10)
            .await
            .expect("read")
            .items
            .is_empty()
    );
}

pub(super) async fn events_of_another_tenant_are_not_in_the_feed(h: Harness) {
    let id = h.sold("A", 5, 1).await;
    let newest = h.log().await.last().expect("events").position;
    assert!(
        h.store
            .order_events(&other(), id, 0, 10)
            .await
            .expect("read")
            .is_empty()
    );
    let beginning = Positions::beginning(1);
    let feed = h.store.feed(&other(), beginning.clone(), 10).await;
    let (events, reached) = feed.expect("read");
    assert_eq!(
        (events.len(), reached.of(0)),
        (0, newest),
        "it passes what it must not show"
    );
    assert_eq!(
        h.store
            .feed(&Tenant::default(), beginning, 10)
            .await
            .expect("read")
            .0
            .len(),
        3
    );
}

pub(super) async fn dead_letters_of_another_tenant_can_neither_be_seen_nor_flagged(h: Harness) {
    let id = h.sold("A", 5, 1).await;
    let event = h.events_of(id).await.remove(0);
    let (lease, from) = h.lease("status").await;
    let mut batch = Harness::batch(&lease, from, event.position);
    batch.park = vec![h.parking(&event, Some("no"), 0)];
    h.store.apply_batch(batch).await.expect("parked");
    assert!(
        h.store
            .list_parked(&other(), None, 10)
            .await
            .expect("read")
            .items
            .is_empty()
    );
    let flagged = h
        .store
        .flag_parked(
            &other(),
            Flag {
                consumer: "status".into(),
                order: id,
                row: FlaggedRow::Parked(event.position),
                state: ParkedState::Discard,
                claim: None,
            },
        )
        .await;
    assert!(!flagged.expect("runs"));
    assert_eq!(
        h.store
            .list_parked(&Tenant::default(), None, 10)
            .await
            .expect("read")
            .items[0]
            .state,
        ParkedState::Waiting
    );
}
