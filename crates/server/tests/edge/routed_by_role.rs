//! nginx in front of roles in processes of their own, with the example of docs/operations.md.

use http::Method;
use serde_json::{Value, json};
use waybill_testkit::http::Client;
use waybill_testkit::nginx::Nginx;
use waybill_testkit::postgres::Postgres;
use waybill_testkit::server::{Fleet, Start};
use waybill_testkit::token;
use waybill_testkit::unavailable::or_skip;

const BOOK: &str = include_str!("../../../../docs/operations.md");

/// The example, with two processes in place of its four.
fn site(api: &str, worker: &str) -> String {
    let (_, example) = BOOK.split_once("```\nupstream api").expect("the example");
    let (example, _) = example.split_once("```").expect("it ends");
    let site = format!("upstream api{example}");
    let in_place = |site: String, named: &str, by: &str| {
        assert!(site.contains(named), "{site} has no {named}");
        site.replace(named, by)
    };
    let apis = "server api-1:3000; server api-2:3000;";
    let site = in_place(site, apis, &format!("server {api};"));
    let workers = "server worker-1:3000; server worker-2:3000;";
    in_place(site, workers, &format!("server {worker};"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_sends_each_change_to_a_process_with_its_role() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let start = |_: &str, roles: &str| {
        let start = Start::serve(env!("CARGO_BIN_EXE_waybill"), roles);
        // The simulated carrier stays out of the way.
        start.on(&database.url()).delivering_within_ms("600000")
    };
    let fleet = Fleet::ready(1, 1, start).await.expect("ready");
    let (api, worker) = (&fleet.members[0].app, &fleet.members[1].app);
    let site = site(&api.address().to_string(), &worker.address().to_string());
    let Some(nginx) = or_skip(Nginx::in_front_of(api.address(), &site)) else {
        return;
    };
    let mut client = Client::new(nginx.address()).with_token(&token::demo_for("default", "proxy"));
    let order =
        json!({"currency": "EUR", "lines": [{"sku": "a", "quantity": 1, "unitPrice": "1"}]});
    let headers = [("idempotency-key", "one")];
    let placed = client.send(
        Method::POST,
        "/v1/orders",
        &headers,
        order.to_string().into(),
    );
    let placed = placed.await.expect("an answer");
    assert_eq!(placed.status, 201, "{}", placed.text());

    let shipment = loop {
        let page = client.get("/v1/shipments").await.expect("an answer");
        let page: Value = page.json();
        if let Some(id) = page["items"][0]["id"].as_str() {
            break id.to_owned();
        }
    };
    let step = json!({"status": "shipped"}).to_string();
    let path = format!("/v1/shipments/{shipment}/status");
    // A process that only takes orders does not do this; through nginx it is done.
    let mut beside = api.client();
    let refused = beside.send(Method::POST, &path, &[], step.clone().into());
    assert_eq!(refused.await.expect("an answer").status, 404);
    let moved = client.send(Method::POST, &path, &[], step.into());
    let moved = moved.await.expect("an answer");
    assert_eq!(moved.status, 200, "{}", moved.text());
}
