//! The pages that explain problems: the `type` of every answer leads to one.

use serde_json::Value;
use waybill_testkit::http::Client;

use crate::shop::{NEVER, Shop};

#[tokio::test]
async fn every_code_has_a_page_that_says_what_to_do() {
    let shop = Shop::open(NEVER).await;
    let specification: Value = shop.get("/openapi.json").await.json();
    let codes = specification["components"]["schemas"]["Code"]["enum"]
        .as_array()
        .expect("codes");
    // A person who opens the page has no token, so none is required.
    let mut anyone = Client::new(shop.0.address());
    let list = anyone.get("/problems").await.expect("an answer").text();
    for code in codes {
        let code = code.as_str().expect("a code");
        let path = format!("/problems/{}", code.replace('_', "-"));
        assert!(list.contains(&format!("href=\"{path}\"")), "{path}");
        let page = anyone.get(&path).await.expect("an answer");
        assert_eq!(page.status, 200, "{path}");
        let kind = page.header("content-type").expect("a type");
        assert!(kind.starts_with("text/html"), "{kind}");
        assert!(page.text().contains(code), "{path}: {}", page.text());
    }
}

#[tokio::test]
async fn the_type_of_a_problem_is_the_address_of_its_page() {
    let shop = Shop::open(NEVER).await;
    let problem: Value = shop.get("/v1/orders/no-id").await.json();
    let page = shop.get(problem["type"].as_str().expect("a type")).await;
    assert_eq!(page.status, 200);
    let title = problem["title"].as_str().expect("a title");
    assert!(page.text().contains(title), "{}", page.text());
    assert_eq!(shop.get("/problems/nonsense").await.status, 404);
}
