//! A store belongs to one of two services: the other one is refused on it, and so is a process that would do both.

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tokio::time::timeout;
use waybill_testkit::ports::free_address;
use waybill_testkit::postgres::Postgres;
use waybill_testkit::server::Start;
use waybill_testkit::unavailable::or_skip;

use crate::{HANGS, Services, of_delivery};

/// Starts a whole server on a store, which must not start; what it said.
async fn whole(services: &Services, store: Store<'_>) -> String {
    let mut serve = services.app.command("serve");
    serve.args(["--profile", "demo", "--listen"]);
    serve.arg(free_address().expect("a port").to_string());
    store.name(&mut serve);
    said(
        timeout(HANGS, serve.output())
            .await
            .expect("it ends")
            .expect("it runs"),
    )
}

fn said(output: Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

enum Store<'s> {
    Folder(&'s Path),
    Database(&'s str),
}

impl Store<'_> {
    fn name(&self, command: &mut tokio::process::Command) {
        match self {
            Self::Folder(folder) => command.arg("--data").arg(folder),
            Self::Database(url) => command.env("DATABASE_URL", url),
        };
    }
}

#[tokio::test]
async fn a_store_is_one_services_and_the_other_ones_processes_are_refused() {
    let mut services = Services::start(None).await;
    let id = services.place("k").await;
    services.delivered(&[id]).await;
    assert!(services.app.stop().await.expect("they stop").success());
    let data = services.app.data().to_owned();
    let (orders, delivery) = (data.join("order-service"), data.join("delivery-service"));

    // A process that does both would ship every order once more.
    let refused = whole(&services, Store::Folder(&orders)).await;
    for word in ["order-service's", "--roles", "operations.md"] {
        assert!(refused.contains(word), "{word}: {refused}");
    }
    let refused = whole(&services, Store::Folder(&delivery)).await;
    assert!(refused.contains("delivery-service's"), "{refused}");

    // Both services on one store.
    let kept = data.join("kept");
    std::fs::rename(&delivery, &kept).expect("it is ours");
    std::fs::create_dir(&delivery).expect("a folder");
    std::fs::copy(orders.join("waybill.db"), delivery.join("waybill.db")).expect("copied");
    // The order service answers before the delivery service is opened, so the end is waited for.
    services.app.begin().expect("it begins");
    let ended = timeout(HANGS, services.app.ended()).await;
    let ended = ended.expect("it ends").expect("it ran");
    assert!(!ended.success(), "it must not start");
    let refused = services.app.log();
    for word in ["order-service's", "a store of its own", "DATABASE_URL"] {
        assert!(refused.contains(word), "{word}: {refused}");
    }
    std::fs::remove_dir_all(&delivery).expect("it is ours");
    std::fs::rename(&kept, &delivery).expect("it is ours");

    // The services go on with their own.
    services.app.start().await.expect("they start");
    let id = services.place("k2").await;
    services.delivered(&[id]).await;
    assert!(services.app.stop().await.expect("they stop").success());
}

#[tokio::test]
async fn a_shared_database_is_one_services_too() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let mut services = Services::start(Some(&database)).await;
    // Both stores are open once an order has come back; the services go on running.
    let id = services.place("k").await;
    services.delivered(&[id]).await;
    let (orders, delivery) = (database.url(), of_delivery(&database));
    let refused = whole(&services, Store::Database(&orders)).await;
    assert!(refused.contains("order-service's"), "{refused}");
    let refused = whole(&services, Store::Database(&delivery)).await;
    assert!(refused.contains("delivery-service's"), "{refused}");
    // A process that does neither service's own work says whose store it is on.
    for (store, roles, service) in [
        (&orders, "api", "order-service"),
        (&delivery, "housekeeping", "delivery-service"),
    ] {
        let start = Start::demo(env!("CARGO_BIN_EXE_waybill")).on(store);
        let mut helper = start
            .arg("--roles")
            .arg(roles)
            .ready()
            .await
            .expect("ready");
        let health = helper.client().get("/health").await.expect("an answer");
        assert_eq!(health.json::<Value>()["service"], service, "{roles}");
        assert!(helper.stop().await.expect("it stops").success());
    }
    assert!(services.app.stop().await.expect("they stop").success());
    let name = delivery.rsplit('/').next().expect("a name");
    let dropped = database.sql(&format!("DROP DATABASE \"{name}\" WITH (FORCE)"));
    dropped.expect("it is ours");
}
