//! `GET /api/orders`: numbered pages and how many orders there are.

use serde_json::{Value, json};
use tokio::task::JoinSet;
use waybill_testkit::http::Client;
use waybill_testkit::server::Waybill;

use super::{ORDERS, PATIENCE, demo, guest, id, order, placed, post, refusal};

/// A server with so many units of a sku of its own.
async fn shop(units: u64) -> Waybill {
    let app = demo()
        .delivering_within_ms("600000")
        .ready()
        .await
        .expect("ready");
    app.seed("MUG-1", units).await.expect("counted");
    app
}

async fn page(client: &mut Client, query: &str) -> Value {
    let answer = client
        .get(&format!("{ORDERS}{query}"))
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    let list: Value = answer.json();
    assert_eq!(list["success"], true);
    list["data"].clone()
}

fn ids(page: &Value) -> Vec<String> {
    let orders = page["orders"].as_array().expect("a list").iter();
    orders.map(|order| id(order).to_owned()).collect()
}

#[tokio::test]
async fn pages_are_numbered_and_newest_first() {
    let app = shop(100).await;
    let mut client = guest(&app);
    let empty = page(&mut client, "").await;
    let pagination = json!({"page": 1, "limit": 20, "total": 0, "pages": 0});
    assert_eq!(empty, json!({"orders": [], "pagination": pagination}));
    let mut all = vec![];
    for _ in 0..23 {
        all.insert(
            0,
            id(&placed(&mut client, &order("MUG-1", 1)).await).to_owned(),
        );
    }
    let first = page(&mut client, "").await;
    assert_eq!(
        first["pagination"],
        json!({"page": 1, "limit": 20, "total": 23, "pages": 2})
    );
    assert_eq!(ids(&first), all[..20]);
    let second = page(&mut client, "?page=2").await;
    assert_eq!(
        second["pagination"],
        json!({"page": 2, "limit": 20, "total": 23, "pages": 2})
    );
    assert_eq!(ids(&second), all[20..]);
    let third = page(&mut client, "?page=3&limit=7&unknown=ignored").await;
    assert_eq!(
        third["pagination"],
        json!({"page": 3, "limit": 7, "total": 23, "pages": 4})
    );
    assert_eq!(ids(&third), all[14..21]);
    let beyond = page(&mut client, "?page=9&limit=7").await;
    assert_eq!(ids(&beyond), [""; 0]);
    assert_eq!(beyond["pagination"]["total"], 23);
    let most = page(&mut client, "?limit=5000").await;
    assert_eq!(
        (&most["pagination"]["limit"], ids(&most)),
        (&json!(100), all)
    );
}

#[tokio::test]
async fn a_status_word_shows_every_order_that_stands_so() {
    let app = shop(100).await;
    let mut client = guest(&app);
    let mut orders = vec![];
    for _ in 0..4 {
        orders.push(id(&placed(&mut client, &order("MUG-1", 1)).await).to_owned());
    }
    let cancel = format!("{ORDERS}/{}/cancel", orders[1]);
    let answer = post(&mut client, &cancel, &[], &json!({"reason": "test"})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let confirmed = page(&mut client, "?status=confirmed&limit=2").await;
    assert_eq!(ids(&confirmed), [orders[3].clone(), orders[2].clone()]);
    assert_eq!(
        confirmed["pagination"],
        json!({"page": 1, "limit": 2, "total": 3, "pages": 2})
    );
    let cancelled = page(&mut client, "?status=cancelled").await;
    assert_eq!(ids(&cancelled), [orders[1].clone()]);
    for nothing in ["pending", "processing", "completed", "failed"] {
        let none = page(&mut client, &format!("?status={nothing}")).await;
        assert_eq!(none["pagination"]["total"], 0, "{nothing}: {none}");
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_is_refused() {
    let app = shop(1).await;
    let mut client = guest(&app);
    for (query, field) in [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=x", "page"),
        ("page=10001", "page"),
        ("page=18446744073709551615", "page"),
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("limit=1&limit=2", "limit"),
        ("status=lost", "status"),
        ("status=shipped", "status"),
    ] {
        let answer = client
            .get(&format!("{ORDERS}?{query}"))
            .await
            .expect("an answer");
        let (status, error) = refusal(&answer);
        assert!(
            status == 400 && error.starts_with(field),
            "{query}: {status} {error}"
        );
    }
}

/// Places so many orders from several clients at once.
async fn many(app: &Waybill, orders: usize) {
    const CLIENTS: usize = 32;
    let mut tasks = JoinSet::new();
    for number in 0..CLIENTS {
        let address = app.address();
        let share = orders / CLIENTS + usize::from(number < orders % CLIENTS);
        tasks.spawn(async move {
            let mut client = Client::new(address).with_patience(PATIENCE);
            for _ in 0..share {
                placed(&mut client, &order("MUG-1", 1)).await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("orders are placed");
    }
}

#[tokio::test]
async fn the_total_is_exact_up_to_ten_thousand_and_a_floor_beyond() {
    let app = shop(1_000_000).await;
    let mut client = guest(&app);
    many(&app, 9_999).await;
    let pagination = page(&mut client, "?limit=100").await["pagination"].clone();
    assert_eq!(
        (&pagination["total"], &pagination["pages"]),
        (&json!(9_999), &json!(100))
    );
    many(&app, 31).await;
    let pagination = page(&mut client, "?limit=100").await["pagination"].clone();
    assert_eq!(
        (&pagination["total"], &pagination["pages"]),
        (&json!(10_000), &json!(100))
    );
    let last = page(&mut client, "?limit=100&page=101").await;
    assert_eq!(ids(&last).len(), 30, "what is beyond can be read");
    let none = page(&mut client, "?status=failed").await;
    assert_eq!(none["pagination"]["total"], 0);
}
