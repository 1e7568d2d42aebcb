//! Every list of the API, found in its own description: walked to the end, and strict about what it is asked.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::shop::{AT_ONCE, Shop, id, small};

/// A way through a list ends; longer than this it goes round.
const STEPS: usize = 2_000;

struct Api(Value);

impl Api {
    async fn of(shop: &Shop) -> Self {
        Self(shop.get("/openapi.json").await.json())
    }

    /// Follows a reference.
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(path) => {
                let at = self.0.pointer(path.trim_start_matches('#'));
                at.expect("a reference leads somewhere")
            }
            None => schema,
        }
    }

    /// Every path of `/v1` that is read by GET.
    fn reads(&self) -> impl Iterator<Item = (&String, &Value)> {
        let paths = self.0["paths"].as_object().expect("paths").iter();
        paths
            .filter(|(path, of)| path.starts_with("/v1/") && !of["get"].is_null())
            .map(|(path, of)| (path, &of["get"]))
    }

    /// Those that answer pages.
    fn lists(&self) -> Vec<&String> {
        let is_list = |get: &Value| {
            let content = &get["responses"]["200"]["content"]["application/json"];
            let schema = self.resolved(&content["schema"]);
            !schema["properties"]["next"].is_null()
        };
        let lists = self.reads().filter(|(_, get)| is_list(get));
        lists.map(|(path, _)| path).collect()
    }
}

/// All items of a list in pages of so many.
async fn walk(shop: &Shop, path: &str, limit: usize) -> Vec<Value> {
    let (mut items, mut after) = (vec![], String::new());
    for _ in 0..STEPS {
        let query = format!("{path}?limit={limit}{after}");
        let answer = shop.get(&query).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let mut page: Value = answer.json();
        let found = page["items"].as_array_mut().expect("items");
        assert!(found.len() <= limit, "{query}");
        let empty = found.is_empty();
        for item in found.iter_mut() {
            // Where one goes on after an event of the feed depends on the page's other events.
            if let Some(event) = item.as_object_mut() {
                event.remove("cursor");
            }
        }
        items.append(found);
        match page["next"].as_str() {
            // The feed never ends; one page without anything is its present end.
            Some(next) if !(empty && after.ends_with(next)) => after = format!("&after={next}"),
            _ => return items,
        }
    }
    panic!("{path} does not end");
}

#[tokio::test]
async fn every_list_in_pages_of_one_is_the_list_in_one_page() {
    let shop = Shop::open(AT_ONCE).await;
    for sku in ["A", "B", "B-1", "b"] {
        shop.stocked(sku, 9).await;
    }
    let mut order = String::new();
    for n in 0..3 {
        order = id(&shop.placed(&format!("k{n}"), &small("A", 1)).await);
        shop.follow(&order, None).await.rest().await;
    }
    let api = Api::of(&shop).await;
    let lists = api.lists();
    let mut walked = BTreeSet::new();
    for path in &lists {
        let path = path.replace("{id}", &order);
        let whole = walk(&shop, &path, 100).await;
        assert_eq!(walk(&shop, &path, 1).await, whole, "{path}");
        assert_eq!(walk(&shop, &path, 2).await, whole, "{path}");
        if whole.len() > 2 {
            walked.insert(path.replace(&order, "{id}"));
        }
    }
    let expected = [
        "/v1/events",
        "/v1/orders",
        "/v1/orders/snapshot",
        "/v1/orders/{id}/events",
        "/v1/shipments",
        "/v1/stock",
    ];
    let expected: BTreeSet<String> = expected.map(str::to_owned).into();
    assert!(walked.is_superset(&expected), "{walked:?} of {lists:?}");
}

#[tokio::test]
async fn an_empty_filter_is_refused_on_every_route() {
    let shop = Shop::open(AT_ONCE).await;
    let order = id(&shop.placed("k", &small("A", 1)).await);
    let api = Api::of(&shop).await;
    let mut tried = BTreeSet::new();
    for (path, get) in api.reads() {
        for parameter in get["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().expect("a name");
            // An empty cursor is the beginning; the token is read only where there is no other.
            if parameter["in"] != "query" || ["after", "access_token"].contains(&name) {
                continue;
            }
            let path = format!("{}?{name}=", path.replace("{id}", &order));
            let answer = shop.get(&path).await;
            let problem: Value = answer.json();
            assert_eq!(
                (answer.status.as_u16(), &problem["code"], &problem["field"]),
                (400, &json!("invalid_parameter"), &json!(name)),
                "{path}"
            );
            tried.insert(name.to_owned());
        }
    }
    for name in ["customerId", "status", "sku", "orderId", "limit", "wait_ms"] {
        assert!(tried.contains(name), "{name} was not among {tried:?}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_list_is_told_apart_from_nonsense() {
    let shop = Shop::open(AT_ONCE).await;
    let order = id(&shop.placed("k", &small("A", 1)).await);
    let events: Value = shop
        .get(&format!("/v1/orders/{order}/events?limit=1"))
        .await
        .json();
    let of_order = events["next"].as_str().expect("a cursor");
    let feed: Value = shop.get("/v1/events").await.json();
    let of_feed = feed["next"].as_str().expect("a cursor");
    for (path, code) in [
        (
            format!("/v1/events?after={of_order}"),
            "cursor_of_another_list",
        ),
        (
            format!("/v1/orders/{order}/events?after={of_feed}"),
            "cursor_of_another_list",
        ),
        (
            format!("/v1/orders?after={of_feed}"),
            "cursor_of_another_list",
        ),
        ("/v1/events?after=nonsense".into(), "invalid_cursor"),
    ] {
        let answer = shop.get(&path).await;
        let problem: Value = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &problem["code"], &problem["field"]),
            (400, &json!(code), &json!("after")),
            "{path}"
        );
    }
    let headers = [("last-event-id", of_feed)];
    let path = format!("/v1/orders/{order}/stream");
    let answer = shop
        .ask_with(http::Method::GET, &path, &headers, &Value::Null)
        .await;
    let problem: Value = answer.json();
    assert_eq!(
        (&problem["code"], &problem["field"]),
        (&json!("cursor_of_another_list"), &json!("Last-Event-ID"))
    );
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains("/v1/events"), "{detail}");
}
