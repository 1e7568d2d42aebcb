//! `waybill clients`: a service gets its client, and its secret is rotated without an outage.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use waybill_testkit::http::Client;

use super::shop::Shop;

/// The status that a secret gets at the token endpoint.
async fn status(shop: &Shop, secret: &Value) -> u16 {
    let address: SocketAddr = shop
        .url
        .trim_start_matches("http://")
        .parse()
        .expect("an address");
    let body =
        json!({"client_id": "shop", "client_secret": secret, "grant_type": "client_credentials"});
    let mut client = Client::new(address);
    let body = Bytes::from(body.to_string());
    let sent = client.send(Method::POST, "/auth/token", &[], body).await;
    sent.expect("an answer").status.as_u16()
}

#[tokio::test]
async fn a_secret_is_printed_once_and_rotated_without_an_outage() {
    let shop = Shop::open().await;
    let made = shop
        .json("clients create shop --scope order:create,order:read")
        .await;
    assert_eq!(status(&shop, &made["secret"]).await, 200, "{made}");
    let rotated = shop.json("clients rotate shop").await;
    for secret in [&made["secret"], &rotated["secret"]] {
        assert_eq!(status(&shop, secret).await, 200);
    }
    let listed = shop.person.types(&["clients", "list"]).await;
    assert_eq!(listed.code, 0, "{listed:?}");
    let shown = format!("{listed:?}");
    assert!(shown.contains("order:create order:read") && !shown.contains("wbs_"));
    shop.json("clients revoke shop --old-secret").await;
    assert_eq!(status(&shop, &made["secret"]).await, 401);
    assert_eq!(status(&shop, &rotated["secret"]).await, 200);
    for (line, code) in [
        ("clients revoke shop", 2),
        ("clients create shop --scope order:read", 4),
        ("clients create other --scope order:eat", 4),
        ("clients create other", 2),
        ("clients rotate nowhere", 3),
        ("clients revoke shop --yes", 0),
        ("clients rotate shop", 4),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let told = shop.person.types(&words).await;
        assert_eq!(told.code, code, "{line}: {told:?}");
    }
    assert_eq!(status(&shop, &rotated["secret"]).await, 401);
}
