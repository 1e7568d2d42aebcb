use super::*;
use std::collections::BTreeMap;
use uuid::Uuid;

fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

fn new(lines: &[(&str, i64)]) -> NewOrder {
    NewOrder {
        id: OrderId(Uuid::from_u128(7)),
        tenant: Tenant::default(),
        created_at: Time(1),
        dialect: "v1",
        claims: vec![],
        body_hash: [0; 16],
        policy: AllocationPolicy::Reject,
        lines: lines
            .iter()
            .map(|(s, quantity)| NewLine {
                sku: sku(s),
                quantity: *quantity,
                requires_shipping: true,
            })
            .collect(),
        holds: vec![],
        customer_id: None,
        caller_number: None,
        promised_by: None,
        sourced_by: Time(900_000),
        placed_at: None,
        content: "{\"currency\":\"USD\"}".into(),
        personal: None,
        event_ids: [EventId(Uuid::from_u128(8)), EventId(Uuid::from_u128(9))],
        meta: EventMeta::default(),
        inventory: None,
    }
}

fn level(on_hand: i64, reserved: i64) -> StockLevel {
    StockLevel {
        on_hand,
        reserved,
        version: 1,
        ..StockLevel::default()
    }
}

fn stock(on_hand: i64, reserved: i64) -> StockView {
    StockView {
        local: HashMap::from([(sku("A"), level(on_hand, reserved))]),
        vendors: BTreeMap::new(),
    }
}

#[test]
fn a_sku_that_repeats_is_counted_once_in_sum() {
    let mut view = stock(5, 0);
    let Decision::Short(shortages) = decide(
        &new(&[("A", 3), ("A", 3)]),
        1,
        0,
        &mut view,
        LookedAt::AllSources,
    ) else {
        panic!("accepted")
    };
    assert_eq!(
        shortages,
        [Shortage {
            sku: sku("A"),
            requested: 6,
            available: 5
        }]
    );
    assert_eq!(
        view.local[&sku("A")].reserved,
        0,
        "a refused order holds nothing"
    );
    let many: Vec<_> = (0..20).map(|_| ("A", 1)).collect();
    assert!(
        matches!(decide(&new(&many), 1, 0, &mut view, LookedAt::AllSources), Decision::Short(s) if s[0].requested == 20)
    );
}

#[test]
fn the_last_unit_is_sold_once() {
    let mut view = stock(1, 0);
    assert!(matches!(
        decide(&new(&[("A", 1)]), 1, 0, &mut view, LookedAt::AllSources),
        Decision::Accept(_)
    ));
    assert!(matches!(
        decide(&new(&[("A", 1)]), 2, 0, &mut view, LookedAt::AllSources),
        Decision::Short(_)
    ));
    assert_eq!(view.local[&sku("A")].reserved, 1);
}

#[test]
fn an_unknown_sku_is_asked_for_before_anything_is_held() {
    let mut view = stock(10, 0);
    let mut order = new(&[("A", 2), ("B", 1)]);
    assert!(
        matches!(decide(&order, 1, 0, &mut view, LookedAt::AllSources), Decision::AskInventory(skus) if skus == [sku("B")])
    );
    assert_eq!(view.local[&sku("A")].reserved, 0);
    order.inventory = Some(vec![InventoryAnswer {
        sku: sku("B"),
        available: 1,
    }]);
    let Decision::Accept(accepted) = decide(&order, 1, 0, &mut view, LookedAt::AllSources) else {
        panic!("refused")
    };
    assert!(accepted.order.is_sound());
    assert_eq!(
        accepted.reserved.len(),
        1,
        "what the inventory agreed to has no reservation of ours"
    );
    assert_eq!(
        accepted.events.iter().map(|e| e.seq).collect::<Vec<_>>(),
        [1, 2]
    );
}

#[test]
fn the_created_event_is_json_with_the_number_in_it() {
    let Decision::Accept(accepted) = decide(
        &new(&[("A", 1)]),
        42,
        0,
        &mut stock(1, 0),
        LookedAt::AllSources,
    ) else {
        panic!("refused")
    };
    let body: serde_json::Value = serde_json::from_str(&accepted.events[0].body).unwrap();
    assert_eq!(
        (body["number"].as_str(), body["currency"].as_str()),
        (Some("WB-000042"), Some("USD"))
    );
    let mut given = new(&[("A", 1)]);
    given.caller_number = Some("my \"own\"".into());
    let Decision::Accept(accepted) = decide(&given, 42, 0, &mut stock(1, 0), LookedAt::AllSources)
    else {
        panic!("refused")
    };
    let body: serde_json::Value = serde_json::from_str(&accepted.events[0].body).unwrap();
    assert_eq!(body["number"].as_str(), Some("my \"own\""));
}

fn with_vendors(mut view: StockView, rows: &[(&str, i64, &str, i64)]) -> StockView {
    for (vendor, priority, of, on_hand) in rows {
        let stock = view.vendors.entry(Vendor::stored(vendor)).or_default();
        stock.priority = *priority;
        stock.levels.insert(sku(of), level(*on_hand, 0));
    }
    view
}

fn accepted(order: &NewOrder, view: &mut StockView) -> AcceptedOrder {
    match decide(order, 1, 0, view, LookedAt::AllSources) {
        Decision::Accept(accepted) => *accepted,
        other => panic!("{other:?}"),
    }
}

#[test]
fn our_own_stock_comes_first_and_no_vendor_is_asked() {
    let mut view = with_vendors(stock(5, 0), &[("North", 0, "A", 100)]);
    let order = accepted(&new(&[("A", 5)]), &mut view);
    assert_eq!(order.order.status, OrderStatus::Confirmed);
    assert!(order.work.is_empty());
    let order = accepted(&new(&[("A", 5)]), &mut view);
    assert_eq!(order.order.status, OrderStatus::Pending);
}

#[test]
fn what_we_are_short_of_is_held_at_vendors_and_the_order_is_pending() {
    let rows = [("North", 1, "A", 10), ("South", 2, "A", 5)];
    let mut view = with_vendors(stock(0, 0), &rows);
    let order = accepted(&new(&[("A", 12)]), &mut view);
    assert!(order.order.is_sound(), "{:?}", order.order);
    let [line] = &*order.order.lines else {
        panic!("one line")
    };
    let sources: Vec<_> = line.sources.iter().collect();
    let units: Vec<_> = sources
        .iter()
        .map(|s| (s.vendor.as_str(), s.reservation.quantity, s.is_asked()))
        .collect();
    assert_eq!(units, [("North", 10, true), ("South", 2, true)]);
    assert_eq!((order.work.len(), order.events.len()), (2, 1));
    let north = &view.vendors[&Vendor::stored("North")].levels[&sku("A")];
    assert_eq!((north.on_hand, north.reserved), (10, 10));
    let Decision::Short(shortages) =
        decide(&new(&[("A", 4)]), 2, 0, &mut view, LookedAt::AllSources)
    else {
        panic!("sold twice")
    };
    assert_eq!(shortages[0].available, 3);
}

#[test]
fn a_line_may_come_from_us_and_a_vendor() {
    let mut view = with_vendors(stock(3, 0), &[("North", 1, "A", 4)]);
    let order = accepted(&new(&[("A", 5)]), &mut view);
    let quantities = order.order.lines[0].quantities;
    assert_eq!((quantities.reserved, quantities.backordered), (3, 2));
    assert_eq!(order.work.len(), 1);
    assert_eq!(view.local[&sku("A")].reserved, 3);
}
