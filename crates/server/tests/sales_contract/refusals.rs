//! Refused callers and invalid requests: statuses, codes and the path of each fault.

use http::Method;
use serde_json::{Value, json};
use waybill_testkit::http::Client;
use waybill_testkit::token;

use super::{ORDERS, code, demo, example, post};

#[tokio::test]
async fn every_route_needs_a_token() {
    let app = demo().ready().await.expect("ready");
    let unknown = format!("{ORDERS}/019a0000-0000-7000-8000-000000000000");
    let routes = [
        (Method::POST, ORDERS.to_owned()),
        (Method::GET, unknown.clone()),
        (Method::POST, format!("{unknown}/simulate-delivery")),
        (Method::GET, "/api/metrics".to_owned()),
    ];
    for (method, path) in routes {
        for (client, status, word) in [
            (Client::new(app.address()), 401, "Unauthorized"),
            (
                Client::new(app.address()).with_token("not.a.token"),
                403,
                "Forbidden",
            ),
        ] {
            let mut client = client;
            let body = example().to_string().into();
            let answer = client
                .send(method.clone(), &path, &[], body)
                .await
                .expect("an answer");
            assert_eq!(answer.status, status, "{path}: {}", answer.text());
            let body: Value = answer.json();
            assert_eq!(body["error"], word, "{path}");
            assert!(
                body["message"].as_str().is_some_and(|m| !m.is_empty()),
                "{path}: {body}"
            );
        }
    }
}

#[tokio::test]
async fn a_token_may_do_what_its_scopes_say() {
    let app = demo().ready().await.expect("ready");
    let mut reader = Client::new(app.address()).with_token(&token::demo("order:read"));
    let answer = post(&mut reader, ORDERS, &[], &example()).await;
    assert_eq!(
        (
            answer.status.as_u16(),
            answer.json::<Value>()["error"].clone()
        ),
        (403, json!("Forbidden"))
    );
}

#[tokio::test]
async fn every_fault_is_told_with_its_path() {
    let app = demo().ready().await.expect("ready");
    let mut client = app.client();
    let item = |quantity: Value, price: Value| json!({"customerId":"c","items":[{"productId":"p","quantity":quantity,"price":price}]});
    let cases = [
        (
            json!({"customerId":"","items":[{"productId":"p","quantity":1,"price":1}]}),
            json!(["customerId"]),
        ),
        (
            json!({"items":[{"productId":"p","quantity":1,"price":1}]}),
            json!(["customerId"]),
        ),
        (json!({"customerId":"c","items":[]}), json!(["items"])),
        (json!({"customerId":"c"}), json!(["items"])),
        (item(json!(0), json!(1)), json!(["items", 0, "quantity"])),
        (item(json!(-1), json!(1)), json!(["items", 0, "quantity"])),
        (item(json!(1.5), json!(1)), json!(["items", 0, "quantity"])),
        (item(json!("1"), json!(1)), json!(["items", 0, "quantity"])),
        (item(json!(1), json!(-0.01)), json!(["items", 0, "price"])),
        (item(json!(1), json!(29.999)), json!(["items", 0, "price"])),
        (
            json!({"customerId":"c","items":[{"productId":"","quantity":1,"price":1}]}),
            json!(["items", 0, "productId"]),
        ),
    ];
    for (body, path) in cases {
        let answer = post(&mut client, ORDERS, &[], &body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        assert_eq!(code(&answer), "VALIDATION_ERROR", "{body}");
        let error = answer.json::<Value>()["error"].clone();
        assert_eq!(error["message"], "Invalid request data");
        assert_eq!(error["details"][0]["path"], path, "{body}: {error}");
        assert!(error["details"][0]["message"].is_string(), "{error}");
    }
}

#[tokio::test]
async fn an_array_is_no_order_and_a_member_stands_once() {
    let app = demo().ready().await.expect("ready");
    let mut client = app.client();
    for (body, path, message) in [
        (
            r#"["cust",[["p-1",2,1.5]]]"#,
            json!([]),
            "Expected an object",
        ),
        (
            r#"{"customerId":"c","items":[["p-1",2,1.5]]}"#,
            json!(["items", 0]),
            "Expected an object",
        ),
        (
            r#"{"customerId":"a","customerId":"b","items":[{"productId":"p","quantity":1,"price":1}]}"#,
            json!(["customerId"]),
            "Stands twice",
        ),
        (
            r#"{"customerId":"a","items":[{"productId":"p","quantity":1,"quantity":2,"price":1}]}"#,
            json!(["items", 0, "quantity"]),
            "Stands twice",
        ),
        (
            r#"{"customerId":" a","items":[{"productId":"p","quantity":1,"price":1}]}"#,
            json!(["customerId"]),
            "Customer ID must not begin or end with a blank; found \" a\"",
        ),
        (
            r#"{"customerId":"a","items":[{"productId":"p\u001b[2J","quantity":1,"price":1}]}"#,
            json!(["items", 0, "productId"]),
            "Product ID must not contain control characters; found U+001B",
        ),
    ] {
        let answer = client
            .send(Method::POST, ORDERS, &[], body.into())
            .await
            .expect("an answer");
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        let error = answer.json::<Value>()["error"].clone();
        assert_eq!(
            (
                &error["details"][0]["path"],
                &error["details"][0]["message"]
            ),
            (&path, &json!(message)),
            "{body}"
        );
    }
}

#[tokio::test]
async fn all_faults_are_told_at_once() {
    let app = demo().ready().await.expect("ready");
    let body = json!({"customerId":"","items":[{"productId":"p","quantity":0,"price":-1}]});
    let answer = post(&mut app.client(), ORDERS, &[], &body).await;
    let details = answer.json::<Value>()["error"]["details"].clone();
    assert_eq!(details.as_array().map(Vec::len), Some(3), "{details}");
}

#[tokio::test]
async fn an_order_that_is_not_there_is_not_found() {
    let app = demo().ready().await.expect("ready");
    let mut client = app.client();
    for id in [
        "019a0000-0000-7000-8000-000000000000",
        "nonsense",
        "%00",
        "1",
    ] {
        let answer = client
            .get(&format!("{ORDERS}/{id}"))
            .await
            .expect("an answer");
        assert_eq!(answer.status, 404, "{id}: {}", answer.text());
        assert_eq!(code(&answer), "ORDER_NOT_FOUND");
    }
}

#[tokio::test]
async fn another_tenants_order_is_not_found() {
    let app = demo().ready().await.expect("ready");
    let id = super::placed(&mut app.client(), &example()).await;
    let mut stranger = Client::new(app.address()).with_token(&token::demo_for("stranger", "s"));
    let answer = stranger
        .get(&format!("{ORDERS}/{id}"))
        .await
        .expect("an answer");
    assert_eq!(
        (answer.status.as_u16(), code(&answer)),
        (404, "ORDER_NOT_FOUND".to_owned())
    );
    let moved = post(
        &mut stranger,
        &format!("{ORDERS}/{id}/simulate-delivery"),
        &[],
        &json!({"status":"shipped"}),
    )
    .await;
    assert_eq!(
        (moved.status.as_u16(), code(&moved)),
        (404, "ORDER_NOT_FOUND".to_owned())
    );
}
