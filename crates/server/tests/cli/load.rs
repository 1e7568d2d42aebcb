//! `waybill load` says ok only when every order was seen to its end.

use super::canned::{Canned, answer};
use super::typed::Person;

/// One order is taken, then the server is too busy for longer than the run lasts.
async fn soon_too_busy() -> Canned {
    let taken = answer("201 Created", "", r#"{"data":{"orderId":"o-1"}}"#);
    let busy = answer(
        "503 Service Unavailable",
        "retry-after: 30\r\n",
        r#"{"error":"busy"}"#,
    );
    Canned::answers_in_turn(vec![taken, busy]).await
}

#[tokio::test]
async fn a_load_that_abandoned_orders_says_so_and_exits_1() {
    let server = soon_too_busy().await;
    let person = Person::at(&server.url, "t");
    let line = ["load", "--connections", "4", "--duration", "300ms"];
    let told = person.types(&line).await;
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.out.contains("NOT ok: 4 orders abandoned"), "{told:?}");
}

#[tokio::test]
async fn a_load_that_sent_too_few_orders_or_let_shed_ones_go_says_so_and_exits_1() {
    let server = soon_too_busy().await;
    let person = Person::at(&server.url, "t");
    let line = "load --connections 2 --rate 100 --duration 500ms";
    let told = person.types(&line.split(' ').collect::<Vec<_>>()).await;
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.out.contains("orders never sent"), "{told:?}");

    let server = soon_too_busy().await;
    let person = Person::at(&server.url, "t");
    let line = "load --connections 2 --orders 2 --duration 1s --no-retry";
    let told = person.types(&line.split(' ').collect::<Vec<_>>()).await;
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.out.contains("orders turned away"), "{told:?}");
    let server = soon_too_busy().await;
    let person = Person::at(&server.url, "t");
    let line = format!("{line} --expect-status 503");
    let told = person.types(&line.split(' ').collect::<Vec<_>>()).await;
    assert_eq!(told.code, 0, "{told:?}");
}
