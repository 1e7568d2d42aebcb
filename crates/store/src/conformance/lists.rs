//! Pages of orders and shipments: filters, cursors, no row twice, no row left out.

use super::Harness;
use crate::model::{OrderFilter, ShipmentFilter};
use std::collections::HashMap;
use waybill_domain::command::Command;
use waybill_domain::ids::OrderId;
use waybill_domain::shipment::ShipmentStatus;
use waybill_domain::status::OrderStatus;
use waybill_domain::stock::Adjustment;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

const ORDERS: usize = 60;

/// Orders of three customers and two tenants, a millisecond apart, some being cancelled; oldest first.
async fn orders(h: &Harness) -> Vec<OrderId> {
    h.put("A", 1_000).await;
    h.put("B", 1_000).await;
    let mut ids = vec![];
    for n in 0..ORDERS {
        let mut order = h
            .make
            .order(&[(if n % 4 == 0 { "B" } else { "A" }, 1), ("A", 1)]);
        order.customer_id = (n % 3 > 0).then(|| format!("c-{}", n % 3).into());
        order.dialect = if n % 7 == 0 { "aggregator" } else { "v1" };
        order.placed_at = (n % 2 == 0).then(|| Time(i64::try_from(n).expect("small")));
        ids.push(h.created(order).await);
        h.clock.advance_ms(1);
    }
    for id in ids.iter().step_by(5) {
        h.done(*id, &Command::Cancel { reason: None }).await;
    }
    ids
}

/// Follows the cursor to the end; short pages are allowed, an endless walk is not.
async fn walk(h: &Harness, filter: &OrderFilter) -> Vec<OrderId> {
    let (mut ids, mut before) = (vec![], None);
    for _ in 0..10 * ORDERS {
        let page = h
            .store
            .list_orders(
                &Tenant::default(),
                OrderFilter {
                    before,
                    ..filter.clone()
                },
            )
            .await
            .expect("read");
        assert!(page.items.len() <= filter.limit);
        for record in &page.items {
            assert!(before.is_none_or(|b| record.number < b));
            ids.push(record.order.id);
        }
        match page.next {
            None => return ids,
            Some(next) => assert!(
                before.replace(next).is_none_or(|b| next < b),
                "the cursor moves"
            ),
        }
    }
    panic!("the list does not end");
}

/// The numbers of the orders that a filter shows, counted to the end.
async fn numbers(h: &Harness, filter: &OrderFilter) -> Vec<i64> {
    let (mut numbers, mut before) = (vec![], None);
    loop {
        let filter = OrderFilter {
            before,
            ..filter.clone()
        };
        let page = h.store.order_numbers(&Tenant::default(), filter).await;
        let page = page.expect("read");
        numbers.extend(page.items);
        match page.next {
            None => return numbers,
            Some(next) => assert!(before.replace(next).is_none_or(|b| next < b)),
        }
    }
}

pub(super) async fn orders_are_listed_newest_first_in_pages_of_any_size(h: Harness) {
    let mut ids = orders(&h).await;
    ids.reverse();
    for limit in [1, 7, ORDERS, 100] {
        assert_eq!(
            walk(
                &h,
                &OrderFilter {
                    limit,
                    ..OrderFilter::default()
                }
            )
            .await,
            ids,
            "limit {limit}"
        );
    }
}

#[expect(clippy::too_many_lines, reason = "a table of filters")]
pub(super) async fn every_filter_keeps_exactly_what_it_says(h: Harness) {
    let ids = orders(&h).await;
    let mut all = vec![];
    let mut number = HashMap::new();
    for id in ids.iter().rev() {
        let record = h.record(*id).await;
        number.insert(*id, record.number);
        all.push((*id, record.order));
    }
    let nth = |id: &OrderId| ids.iter().position(|i| i == id).expect("known");
    let middle = h.order(ids[30]).await.created_at;
    let touched = all.iter().map(|(_, o)| o.updated_at).max().expect("some");
    let base = || OrderFilter {
        limit: 7,
        ..OrderFilter::default()
    };
    let placed = |id: &OrderId| match nth(id) {
        n if n % 2 == 0 => Time(i64::try_from(n).expect("small")),
        n => all[ORDERS - 1 - n].1.created_at,
    };
    type Keeps<'a> = Box<dyn Fn(&OrderId) -> bool + Send + 'a>;
    let filters: Vec<(OrderFilter, Keeps<'_>)> = vec![
        (
            OrderFilter {
                statuses: vec![OrderStatus::Cancelling],
                ..base()
            },
            Box::new(|id| nth(id) % 5 == 0),
        ),
        (
            OrderFilter {
                statuses: vec![OrderStatus::Cancelling, OrderStatus::Confirmed],
                ..base()
            },
            Box::new(|_| true),
        ),
        (
            OrderFilter {
                statuses: vec![OrderStatus::Failed],
                ..base()
            },
            Box::new(|_| false),
        ),
        (
            OrderFilter {
                customer_id: Some("c-2".into()),
                ..base()
            },
            Box::new(|id| nth(id) % 3 == 2),
        ),
        (
            OrderFilter {
                sku: Some("B".into()),
                ..base()
            },
            Box::new(|id| nth(id) % 4 == 0),
        ),
        (
            OrderFilter {
                sku: Some("b".into()),
                ..base()
            },
            Box::new(|_| false),
        ),
        (
            OrderFilter {
                updated_since: Some(touched),
                ..base()
            },
            Box::new(|id| nth(id) % 5 == 0),
        ),
        (
            OrderFilter {
                placed_from: Some(middle),
                ..base()
            },
            Box::new(|id| placed(id) >= middle),
        ),
        (
            OrderFilter {
                placed_to: Some(middle),
                ..base()
            },
            Box::new(|id| placed(id) < middle),
        ),
        (
            OrderFilter {
                statuses: vec![OrderStatus::Confirmed],
                customer_id: Some("c-1".into()),
                sku: Some("B".into()),
                ..base()
            },
            Box::new(|id| nth(id) % 5 > 0 && nth(id) % 3 == 1 && nth(id) % 4 == 0),
        ),
        (
            OrderFilter {
                dialect: Some("aggregator"),
                ..base()
            },
            Box::new(|id| nth(id) % 7 == 0),
        ),
        (
            OrderFilter {
                dialect: Some("sales"),
                ..base()
            },
            Box::new(|_| false),
        ),
    ];
    for (filter, keeps) in filters {
        let expected: Vec<_> = ids.iter().rev().filter(|id| keeps(id)).copied().collect();
        assert_eq!(walk(&h, &filter).await, expected, "{filter:?}");
        let expected: Vec<_> = expected.iter().map(|id| number[id]).collect();
        assert_eq!(numbers(&h, &filter).await, expected, "{filter:?}");
    }
}

pub(super) async fn a_list_of_nothing_ends(h: Harness) {
    assert!(
        walk(
            &h,
            &OrderFilter {
                limit: 3,
                ..OrderFilter::default()
            }
        )
        .await
        .is_empty()
    );
    orders(&h).await;
    let page = h
        .store
        .list_orders(
            &Tenant::stored("empty"),
            OrderFilter {
                limit: 3,
                ..OrderFilter::default()
            },
        )
        .await;
    assert!(page.expect("read").items.is_empty());
}

pub(super) async fn shipments_are_listed_newest_first_in_pages(h: Harness) {
    let mut made = vec![];
    for id in orders(&h).await.into_iter().skip(1).step_by(5) {
        made.push(h.shipped_off(id).await);
    }
    made.reverse();
    for shipment in made.iter_mut().step_by(3) {
        let step = h.ship(shipment, ShipmentStatus::Shipped, None);
        *shipment = step.effect.shipments[0].after.clone();
        h.write_changes(vec![step])
            .await
            .remove(0)
            .expect("no other write came first");
    }
    let one = Some(made[2].order_id);
    for (order_id, status) in [
        (None, None),
        (None, Some(ShipmentStatus::Shipped)),
        (one, None),
        (one, Some(ShipmentStatus::Shipped)),
    ] {
        let keeps = |s: &&waybill_domain::shipment::Shipment| {
            order_id.is_none_or(|o| o == s.order_id) && status.is_none_or(|t| t == s.status)
        };
        let expected: Vec<_> = made.iter().filter(keeps).cloned().collect();
        let (mut listed, mut before) = (vec![], None);
        loop {
            let filter = ShipmentFilter {
                order_id,
                status,
                before,
                limit: 2,
            };
            let page = h
                .store
                .list_shipments(&Tenant::default(), filter)
                .await
                .expect("read");
            listed.extend(page.items);
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(listed, expected);
    }
}

pub(super) async fn the_watchdog_finds_every_order_that_is_stuck_however_old(h: Harness) {
    let ids = orders(&h).await;
    let before = h.clock.now().plus_ms(1);
    let mut found = std::collections::BTreeSet::new();
    for _ in 0..2 * ORDERS {
        found.extend(
            h.store
                .stuck_orders(before, 7)
                .await
                .expect("read")
                .into_iter()
                .map(|(id, _)| id),
        );
    }
    assert_eq!(found, ids.iter().copied().collect());
    assert!(
        h.store
            .stuck_orders(h.order(ids[1]).await.updated_at, 100)
            .await
            .expect("read")
            .iter()
            .all(|(id, _)| *id == ids[0])
    );
}

pub(super) async fn a_tenant_without_anything_is_told_so_at_once_however_much_others_have(
    h: Harness,
) {
    let ids = orders(&h).await;
    for id in ids.iter().skip(1).step_by(2) {
        if h.order(*id).await.status == OrderStatus::Confirmed {
            h.shipped_off(*id).await;
        }
    }
    let empty = Tenant::stored("empty");
    for sku in [None, Some("A".to_owned())] {
        let filter = OrderFilter {
            sku,
            limit: 20,
            ..OrderFilter::default()
        };
        let page = h.store.list_orders(&empty, filter).await.expect("read");
        assert_eq!((page.items.len(), page.next), (0, None));
    }
    let filter = ShipmentFilter {
        limit: 20,
        ..ShipmentFilter::default()
    };
    let page = h.store.list_shipments(&empty, filter.clone()).await;
    let page = page.expect("read");
    assert_eq!((page.items.len(), page.next), (0, None));
    let page = h.store.snapshot(&empty, None, 20).await.expect("read").page;
    assert_eq!((page.items.len(), page.next), (0, None));
    let theirs = h.store.list_shipments(&Tenant::default(), filter).await;
    assert!(!theirs.expect("read").items.is_empty());
}

pub(super) async fn a_tenant_with_one_order_finds_it_behind_all_of_others(h: Harness) {
    let mut change = h.make.stock("A", Adjustment::Count(9));
    change.tenant = Tenant::stored("mine");
    h.store.adjust_stock(vec![change]).await.expect("written");
    let mine = h.created(h.make.order_of("mine", &[("A", 1)])).await;
    orders(&h).await;
    let filter = OrderFilter {
        limit: 20,
        sku: Some("A".into()),
        ..OrderFilter::default()
    };
    let page = h.store.list_orders(&Tenant::stored("mine"), filter).await;
    let page = page.expect("read");
    assert_eq!((page.items[0].order.id, page.next), (mine, None));
}
