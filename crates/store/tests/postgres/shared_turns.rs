//! Turns beside other processes that write the same partition.

use super::driver::{Shared, Way};
use waybill_domain::status::OrderStatus;
use waybill_store::Error;
use waybill_store::conformance::{Harness, WholeLife};

#[tokio::test]
async fn a_turn_does_not_pass_an_event_that_another_process_appended_for_status() {
    let Some(driver) = Shared::new(Way::Direct, 1).await else {
        return;
    };
    let h = Harness::open(driver, super::seed()).await;
    let turn = WholeLife::of_new_order(&h).await;
    let order = turn.order;
    let other = h.created(h.make.order(&[("A", 1)])).await;
    h.shipped_off(other).await;
    let refused = turn.take(&h).await;
    assert!(
        matches!(refused, Err(Error::Conflict { .. })),
        "{refused:?}"
    );
    assert_eq!(h.order(order).await.status, OrderStatus::Confirmed);
    assert_eq!(h.events_of(order).await.len(), 2, "nothing was written");
    assert_eq!(h.findings().await, [""; 0]);
}

#[tokio::test]
async fn a_turn_does_not_pass_an_event_of_a_kind_that_this_version_does_not_know() {
    for newer in [
        "INSERT INTO events (part, position, type, tenant, order_id, stream, aggregate_id, seq, event_id, schema_version, occurred_at, \
         recorded_at, actor, body) SELECT part, nextval('log_positions_0'), 'shipment.teleported', tenant, order_id, 'shipment', \
         gen_random_uuid(), 1, gen_random_uuid(), 1, recorded_at, recorded_at, 'a', '{}' FROM events ORDER BY position LIMIT 1",
        "INSERT INTO events (part, position, type, tenant, order_id, event_id, recorded_at, event_count, kinds, packed) \
         SELECT part, nextval('log_positions_0'), 'packed', tenant, order_id, gen_random_uuid(), recorded_at, 1, 1::bigint << 40, '\\x010128' \
         FROM events ORDER BY position LIMIT 1",
    ] {
        let Some(driver) = Shared::new(Way::Direct, 1).await else {
            return;
        };
        let h = Harness::open(driver, super::seed()).await;
        let turn = WholeLife::of_new_order(&h).await;
        let order = turn.order;
        h.driver.damage(newer).await;
        let refused = turn.take(&h).await;
        assert!(
            matches!(refused, Err(Error::Conflict { .. })),
            "{refused:?}"
        );
        assert_eq!(h.order(order).await.status, OrderStatus::Confirmed);
    }
}
