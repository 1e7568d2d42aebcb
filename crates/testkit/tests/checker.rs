//! The checker can fail: each planted flaw in otherwise sound evidence is found, by its own name.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use waybill_testkit::checker::{Enough, Evidence, Verdict, check};
use waybill_testkit::journal::{Dialect, Entry, Outcome, Request};
use waybill_testkit::server::Report;

const A: &str = "0190-a";

fn asked(key: &str) -> Value {
    json!({"currency": "EUR", "metadata": {"key": key},
           "lines": [{"sku": "MUG", "quantity": 2, "unitPrice": "1.50"}]})
}

fn order(id: &str, key: &str, status: &str) -> Value {
    let gone = u64::from(status == "delivered") * 2;
    json!({"id": id, "status": status, "version": 5, "currency": "EUR", "metadata": {"key": key},
           "lines": [{"id": "1", "sku": "MUG", "unitPrice": "1.50", "ordered": 2, "reserved": 2 - gone,
                      "shipped": gone, "delivered": gone}],
           "shipments": [{"id": "s", "status": status}]})
}

fn event(kind: &str, aggregate: &str, seq: u64) -> Value {
    json!({"type": kind, "aggregate": {"type": kind.split_once('.').expect("a dot").0, "id": aggregate}, "sequence": seq})
}

fn attempt(number: u64, key: &str, body: Value) -> Entry {
    Entry::Attempt {
        number,
        client: 0,
        request: Request::Place {
            dialect: Dialect::V1,
            key: key.into(),
            body,
        },
    }
}

fn answer(number: u64, outcome: Outcome, status: u16, body: Value) -> Entry {
    Entry::Answer {
        number,
        outcome,
        status,
        replayed: false,
        body,
    }
}

/// One order of key `k`, acknowledged and delivered; one kill while it was under way.
fn sound() -> Evidence {
    let events = [
        event("order.created", A, 1),
        event("order.confirmed", A, 2),
        event("order.processing", A, 3),
        event("order.shipped", A, 4),
        event("order.delivered", A, 5),
        event("shipment.created", "s", 1),
        event("shipment.shipped", "s", 2),
        event("shipment.delivered", "s", 3),
    ];
    Evidence {
        entries: vec![
            attempt(1, "k", asked("k")),
            Entry::Fault {
                what: "SIGKILL".into(),
                in_flight: 1,
            },
            answer(1, Outcome::Ok, 201, json!({"id": A, "correlationId": "x"})),
        ],
        orders: BTreeMap::from([(A.into(), order(A, "k", "delivered"))]),
        events: BTreeMap::from([(A.into(), events.to_vec())]),
        stock: BTreeMap::from([("MUG".into(), json!({"onHand": 8, "reserved": 0}))]),
        seeded: BTreeMap::from([("MUG".into(), 10)]),
        report: Some(Report {
            ok: true,
            findings: vec![],
            counts: json!({}),
        }),
        unread: vec![],
    }
}

fn judge(plant: impl FnOnce(&mut Evidence)) -> Verdict {
    let mut evidence = sound();
    plant(&mut evidence);
    check(
        &evidence,
        Enough {
            orders: 1,
            faults: 1,
        },
    )
}

fn assert_only(verdict: &Verdict, invariant: &str) {
    assert!(
        verdict.is_red() && verdict.violations.iter().all(|v| v.invariant == invariant),
        "{verdict}"
    );
}

#[test]
fn sound_evidence_is_green() {
    let verdict = judge(|_| {});
    assert!(verdict.is_green(), "{verdict}");
}

#[test]
fn a_lost_order_is_found() {
    let verdict = judge(|e| {
        e.orders.clear();
        e.events.clear();
        e.stock.clear();
    });
    assert_only(&verdict, "I1");
}

#[test]
fn an_order_placed_in_the_sales_dialect_is_compared_as_well() {
    let placed = |e: &mut Evidence, price: f64| {
        let body = json!({"customerId": "k", "items": [{"productId": "MUG", "quantity": 2, "price": price}]});
        let request = Request::Place {
            dialect: Dialect::Sales,
            key: "k".into(),
            body,
        };
        e.entries[0] = Entry::Attempt {
            number: 1,
            client: 0,
            request,
        };
        e.entries[2] = answer(
            1,
            Outcome::Ok,
            201,
            json!({"success": true, "data": {"orderId": A}}),
        );
        let order = e.orders.get_mut(A).expect("there");
        order["currency"] = json!("USD");
        order["metadata"] = json!({});
        order["customer"] = json!({"id": "k"});
    };
    let verdict = judge(|e| placed(e, 1.5));
    assert!(verdict.is_green(), "{verdict}");
    assert!(judge(|e| placed(e, 1.51)).violates("I1"));
}

#[test]
fn a_changed_order_is_found() {
    let verdict =
        judge(|e| e.orders.get_mut(A).expect("there")["lines"][0]["unitPrice"] = json!("1.51"));
    assert!(
        verdict.violates("I1") && verdict.violates("I2"),
        "{verdict}"
    );
}

#[test]
fn an_order_whose_every_attempt_was_refused_is_found() {
    let verdict = judge(|e| e.entries[2] = answer(1, Outcome::Refused, 422, json!({})));
    assert_only(&verdict, "I2");
}

#[test]
fn an_order_without_a_request_is_found() {
    let verdict = judge(|e| e.orders.get_mut(A).expect("there")["metadata"] = json!({}));
    assert!(verdict.violates("I2"), "{verdict}");
}

#[test]
fn a_request_without_an_answer_may_have_made_its_order() {
    let verdict = judge(|e| {
        e.entries.insert(0, attempt(2, "k", asked("k")));
        e.entries.push(answer(2, Outcome::Unknown, 0, Value::Null));
    });
    assert!(verdict.is_green(), "{verdict}");
}

#[test]
fn two_orders_of_one_key_are_found() {
    let verdict = judge(|e| {
        let mut twin = order("0190-b", "k", "delivered");
        twin["lines"][0]["shipped"] = json!(2);
        e.orders.insert("0190-b".into(), twin);
        e.events.insert("0190-b".into(), e.events[A].clone());
        e.stock.get_mut("MUG").expect("there")["onHand"] = json!(6);
    });
    assert_only(&verdict, "I3");
}

#[test]
fn a_replay_that_differs_is_found() {
    let verdict = judge(|e| {
        e.entries.push(attempt(2, "k", asked("k")));
        e.entries.push(answer(
            2,
            Outcome::Ok,
            201,
            json!({"id": A, "status": "shipped"}),
        ));
    });
    assert_only(&verdict, "I3");
}

#[test]
fn a_replay_that_does_not_say_so_is_found() {
    let verdict = judge(|e| {
        e.entries.push(attempt(2, "k", asked("k")));
        e.entries.push(answer(
            2,
            Outcome::Ok,
            201,
            json!({"id": A, "correlationId": "y"}),
        ));
    });
    assert_only(&verdict, "I3");
}

#[test]
fn a_key_accepted_for_two_bodies_is_found() {
    let verdict = judge(|e| {
        let mut other = asked("k");
        other["lines"][0]["quantity"] = json!(3);
        e.entries.push(attempt(2, "k", other));
        e.entries
            .push(answer(2, Outcome::Ok, 201, json!({"id": A})));
    });
    assert_only(&verdict, "I3");
}

#[test]
fn an_oversold_sku_is_found() {
    let verdict = judge(|e| e.stock.get_mut("MUG").expect("there")["reserved"] = json!(9));
    assert!(verdict.violates("I4"), "{verdict}");
}

#[test]
fn stock_that_does_not_add_up_is_found() {
    assert_only(
        &judge(|e| e.stock.get_mut("MUG").expect("there")["onHand"] = json!(6)),
        "I5",
    );
    assert_only(
        &judge(|e| e.stock.get_mut("MUG").expect("there")["reserved"] = json!(1)),
        "I5",
    );
}

#[test]
fn a_gap_in_a_sequence_is_found() {
    let verdict = judge(|e| e.events.get_mut(A).expect("there")[7]["sequence"] = json!(4));
    assert_only(&verdict, "I7");
}

#[test]
fn a_step_that_the_table_does_not_allow_is_found() {
    let verdict = judge(|e| {
        let events = e.events.get_mut(A).expect("there");
        events[2]["type"] = json!("order.shipped");
        events[3]["type"] = json!("order.processing");
    });
    assert_only(&verdict, "I7");
}

#[test]
fn a_status_that_its_events_do_not_lead_to_is_found() {
    let verdict = judge(|e| e.events.get_mut(A).expect("there").truncate(4));
    assert!(verdict.violates("I7"), "{verdict}");
}

#[test]
fn a_second_effect_is_found() {
    let verdict = judge(|e| {
        e.events
            .get_mut(A)
            .expect("there")
            .push(event("shipment.shipped", "s", 4));
    });
    assert!(
        verdict.violates("I9") && verdict.violates("I11"),
        "{verdict}"
    );
    let verdict = judge(|e| {
        let events = e.events.get_mut(A).expect("there");
        events.extend([
            event("shipment.created", "t", 1),
            event("shipment.shipped", "t", 2),
        ]);
    });
    assert_only(&verdict, "I11");
}

#[test]
fn an_order_that_never_arrives_is_found() {
    let verdict = judge(|e| {
        *e.orders.get_mut(A).expect("there") = order(A, "k", "confirmed");
        e.orders.get_mut(A).expect("there")["version"] = json!(2);
        e.events.get_mut(A).expect("there").truncate(2);
        *e.stock.get_mut("MUG").expect("there") = json!({"onHand": 10, "reserved": 2});
    });
    assert_only(&verdict, "I12");
}

#[test]
fn what_verify_finds_is_red() {
    let report = Report {
        ok: false,
        findings: vec![json!({"invariant": "I6"})],
        counts: json!({}),
    };
    assert_only(&judge(|e| e.report = Some(report)), "verify");
}

#[test]
fn a_run_that_was_not_read_to_the_end_is_inconclusive_not_green() {
    for verdict in [
        judge(|e| e.unread.push("an order".into())),
        judge(|e| e.report = None),
        judge(|e| drop(e.entries.remove(1))),
        check(
            &sound(),
            Enough {
                orders: 2,
                faults: 1,
            },
        ),
    ] {
        assert!(!verdict.is_green() && !verdict.is_red(), "{verdict}");
    }
}
