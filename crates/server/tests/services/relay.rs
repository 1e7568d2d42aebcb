//! Status, pause, resume and replay of the relay, as an operator types them.

use std::process::ExitStatus;

use serde_json::Value;
use tokio::time::{sleep, timeout};
use waybill_testkit::token;

use super::{HANGS, LOOK_AGAIN, Services};

impl Services {
    /// `waybill relay …` of the order service, and what it printed as JSON.
    async fn relay(&self, words: &[&str]) -> (ExitStatus, Value) {
        let mut command = self.app.command("relay");
        command
            .args(words)
            .arg("--json")
            .args(["--url", &format!("http://{}", self.app.address())])
            .env("WAYBILL_TOKEN", token::demo_for("default", "testkit"));
        let output = timeout(HANGS, command.output()).await;
        let output = output.expect("it ends").expect("it runs");
        let said = if output.status.success() {
            &output.stdout
        } else {
            &output.stderr
        };
        let json = serde_json::from_slice(said);
        let json = json.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(said)));
        (output.status, json)
    }

    /// Waits until the status of the relay is as a test wants it.
    async fn relay_is(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let seen = async {
            loop {
                let (status, view) = self.relay(&["status"]).await;
                assert!(status.success(), "{view}");
                if wanted(&view) {
                    return view;
                }
                sleep(LOOK_AGAIN).await;
            }
        };
        timeout(HANGS, seen).await.expect("it comes to that")
    }
}

#[tokio::test]
async fn a_paused_relay_holds_orders_back_and_a_replay_has_no_second_effect() {
    let mut services = Services::start(None).await;
    let mut orders = vec![];
    for n in 0..10 {
        orders.push(services.place(&format!("k{n}")).await);
    }
    services.delivered(&orders).await;

    let (done, pause) = services
        .relay(&["pause", "--reason", "the broker moves"])
        .await;
    assert!(done.success() && pause["pause"]["reason"] == "the broker moves");
    // The pause outlives the process; the next one reads it before it publishes.
    services.app.kill().await.expect("it is killed");
    services.app.start().await.expect("it starts again");
    let held = services.place("held").await;
    let view = services
        .relay_is(|view| view["lagMs"].as_i64() > Some(1_000))
        .await;
    assert_eq!(view["publisher"], "pair");
    let shipments = services.shipments().await;
    assert!(shipments.iter().all(|(_, order)| *order != held), "{view}");
    let (done, resumed) = services.relay(&["resume"]).await;
    assert!(done.success() && resumed["pause"].is_null());
    orders.push(held);
    services.delivered(&orders).await;
    services.relay_is(|view| view["lag"] == 0).await;

    let before = services.shipments_as_json().await;
    let (done, asked) = services.relay(&["replay", "--from", "0"]).await;
    assert!(done.success(), "{asked}");
    let view = services
        .relay_is(|view| view["replay"]["done"] == true)
        .await;
    let sent = view["replay"]["sent"].as_u64().expect("a number");
    assert!(sent > 20, "two events of each order at least: {view}");
    assert_eq!(view["replay"]["id"], asked["replay"]["id"]);
    assert_eq!(services.shipments_as_json().await, before);
    let (failed, refused) = services.relay(&["replay", "--from", "soon"]).await;
    assert!(
        !failed.success() && refused["error"]["code"] == "invalid_time",
        "{refused}"
    );
    services.once_and_sound(&orders, None).await;
}
