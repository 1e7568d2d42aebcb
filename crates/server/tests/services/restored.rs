//! The order service's store is restored from an older backup under the delivery service, which keeps its own.

use std::time::Instant;

use serde_json::{Value, json};
use tokio::time::sleep;
use waybill_testkit::token;

use super::{HANGS, LOOK_AGAIN, Services};

impl Services {
    /// Runs a command of `waybill`; what it printed as JSON.
    async fn command(&self, words: &[&str]) -> Value {
        let mut command = self.app.command(words[0]);
        command.args(&words[1..]).arg("--json");
        let output = command.output().await.expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}{told}");
        serde_json::from_str(&said).expect("JSON")
    }

    /// The same against the delivery service.
    async fn at_delivery(&self, words: &[&str]) -> Value {
        let url = format!("http://{}", self.delivery);
        let token = token::demo_for("default", "admin");
        let words = [words, &["--url", &url, "--token", &token]].concat();
        self.command(&words).await
    }

    async fn delivery_health(&self) -> Value {
        let answer = self.delivery_client().get("/health").await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    async fn backed_up(&self) -> String {
        let data = self.app.data().join("order-service");
        let to = self.app.home().join("backup");
        let [data, to] = [data, to].map(|path| path.to_string_lossy().into_owned());
        self.command(&["backup", "create", "--data", &data, "--to", &to])
            .await;
        to
    }

    /// Puts the order service's store back as it was.
    async fn put_back(&mut self, backup: &str) {
        assert!(self.app.stop().await.expect("they stop").success());
        let data = self.app.data().join("order-service");
        std::fs::rename(&data, self.app.home().join("lost")).expect("moved away");
        let data = data.to_string_lossy().into_owned();
        self.command(&["backup", "restore", backup, "--data", &data])
            .await;
        self.app.start().await.expect("they start again");
    }
}

#[tokio::test]
async fn a_restored_order_store_is_stopped_told_and_after_the_adoption_nothing_ships_twice() {
    let mut services = Services::start(None).await;
    let mut kept = vec![];
    for n in 0..5 {
        kept.push(services.place(&format!("kept{n}")).await);
    }
    services.delivered(&kept).await;
    let backup = services.backed_up().await;
    let mut lost = vec![];
    for n in 0..5 {
        lost.push(services.place(&format!("lost{n}")).await);
    }
    services.delivered(&lost).await;
    services.put_back(&backup).await;

    // Stopped, and told: in the health of the delivery service and by its commands.
    let mut fresh = vec![];
    for n in 0..5 {
        fresh.push(services.place(&format!("fresh{n}")).await);
    }
    let gone = services.app.order(&lost[0]).await;
    assert!(gone.is_err(), "the backup does not have it: {gone:?}");
    let begun = Instant::now();
    while services.delivery_health().await["status"] != "degraded" {
        assert!(begun.elapsed() < HANGS, "{}", services.app.output());
        sleep(LOOK_AGAIN).await;
    }
    let inbox = services.at_delivery(&["inbox", "status"]).await;
    let generations = inbox["generations"].as_array().expect("a list");
    let stopped: Vec<&Value> = generations
        .iter()
        .filter(|of| of["state"] == "stopped")
        .collect();
    let [stopped] = stopped[..] else {
        panic!("one is stopped: {inbox}")
    };
    let text = |name: &str| stopped[name].as_str().expect("text");
    let shipped = services.shipments().await;
    assert!(shipped.iter().all(|(_, order)| !fresh.contains(order)));

    // After the adoption it goes on: what is new ships, what had shipped does not ship again.
    let words = ["inbox", "adopt", text("storeId"), text("generation")];
    for adopted in [1, 0] {
        let answer = services.at_delivery(&words).await;
        assert_eq!(answer, json!({"adopted": adopted}));
    }
    services.delivered(&fresh).await;
    assert_eq!(services.delivery_health().await["status"], "healthy");
    let all: Vec<String> = [kept, lost, fresh].concat();
    let shipments = services.shipments().await;
    for id in &all {
        let sent = shipments.iter().filter(|(_, order)| order == id).count();
        assert_eq!(sent, 1, "{id}");
    }
    assert_eq!(shipments.len(), all.len());
    let metrics = services.delivery_client().get("/metrics").await;
    let metrics = metrics.expect("an answer");
    let stopped = "waybill_inbox_stopped_sources 0";
    assert!(metrics.text().contains(stopped), "{}", metrics.text());
    assert!(services.app.stop().await.expect("they stop").success());
}
