//! The commands of docs/operations.md for an empty PostgreSQL make a database that takes orders.

use serde_json::json;
use waybill_testkit::postgres::{Postgres, ServerOptions};
use waybill_testkit::server::Start;
use waybill_testkit::unavailable::or_skip;

use super::WAYBILL;
use super::book;

/// The addresses that stand in the page.
const ADMINISTRATOR: &str = "postgres://postgres@db:5432/postgres";
const DATABASE: &str = "db:5432";

#[tokio::test]
async fn the_commands_for_an_empty_postgresql_make_one_that_takes_orders() {
    let Some(server) = or_skip(Postgres::start(ServerOptions::default())) else {
        return;
    };
    let at = server.socket().expect("an address").to_string();
    let administrator = format!("'{}'", server.url("postgres"));
    let commands = book::commands("CREATE ROLE");
    for command in &commands {
        let command = command.replace(ADMINISTRATOR, &administrator);
        book::succeeds(&command.replace(DATABASE, &at), &[]);
    }
    let last = commands.last().expect("there are some");
    let url = last.strip_prefix("DATABASE_URL=").expect("an address");
    let (url, _) = url.split_once(' ').expect("and a command");
    let app = Start::demo(WAYBILL).on(&url.replace(DATABASE, &at));
    let app = app.ready().await.expect("it starts");
    app.seed("MUG-1", 5).await.expect("counted");
    let line = json!({"sku": "MUG-1", "quantity": 1, "unitPrice": "1.00"});
    let order = json!({"currency": "EUR", "lines": [line]});
    let placed = app.place("one", &order).await.expect("it answers");
    assert_eq!(placed.status, 201, "{}", placed.text());
}
