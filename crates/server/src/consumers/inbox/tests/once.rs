//! The effect of an event is there once, in this store's own partition, whatever comes again; and the tests of that are
//! red with each planted defect.

use std::collections::BTreeMap;

use super::*;
use waybill_domain::partition;
use waybill_store::Positions;

const ORDER: u128 = 7;

fn order() -> OrderId {
    OrderId(Uuid::from_u128(ORDER))
}

impl Service {
    /// Effects of other stores' events that are in the log more than once.
    async fn effects_twice(&self) -> Vec<String> {
        let partitions = self.app.store.identity().partitions;
        let beginning = Positions::beginning(partitions);
        let tenant = Tenant::default();
        let feed = self.app.store.feed(&tenant, beginning, 1_000);
        let (events, _) = feed.await.expect("the log is read");
        let mut effects: BTreeMap<String, usize> = BTreeMap::new();
        for event in events.iter().map(|logged| &logged.event) {
            let Some(cause) = event.meta.causation_id else {
                continue;
            };
            let effect = format!("{} of {} by event {cause}", event.kind, event.aggregate.id);
            *effects.entry(effect).or_default() += 1;
        }
        assert!(!effects.is_empty(), "the test is about effects");
        let twice = effects.into_iter().filter(|(_, times)| *times > 1);
        twice.map(|(effect, _)| effect).collect()
    }

    async fn refusals(&self) -> usize {
        let tenant = Tenant::default();
        let log = self.app.store.order_events(&tenant, order(), 0, 100);
        let events = log.await.expect("the log is read");
        let refused = |e: &&LoggedEvent| e.event.kind == EventKind::DeliveryCancelRefused;
        events.iter().filter(refused).count()
    }

    /// An order of which everything has left.
    async fn shipped_off(&self) {
        let body = r#"{"status":"confirmed","lines":[{"id":"1","vendor":"local","ordered":2,"reserved":2,"requiresShipping":false}]}"#;
        self.take(vec![event(ORDER, 1, EventKind::OrderConfirmed, body)])
            .await;
        self.until("it has left", async || {
            let page = self.ask(Method::GET, "/v1/shipments").await;
            page["items"][0]["status"] != "processing"
        })
        .await;
    }
}

/// What delivery refuses, with an event each time that it is asked.
fn cancel_requested() -> Message {
    let body = r#"{"status":"cancelling","lines":[]}"#;
    event(ORDER, 2, EventKind::OrderCancelRequested, body)
}

#[tokio::test]
async fn a_message_that_comes_again_has_no_second_effect() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::open(folder.path(), &[]).await;
    service.shipped_off().await;
    for _ in 0..2 {
        service.take(vec![cancel_requested()]).await;
    }
    let twice = service.effects_twice().await;
    assert!(twice.is_empty(), "an effect twice: {twice:?}");
    assert_eq!(service.refusals().await, 1);
    service.close().await;
}

#[tokio::test]
async fn a_process_that_dies_after_an_effect_has_written_that_it_was_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::open(folder.path(), &[]).await;
    service.shipped_off().await;
    for refusals in [1, 2] {
        let inbox = service.inbox.clone();
        let taking = tokio::spawn(async move { inbox.receive(vec![cancel_requested()]).await });
        service
            .until("taken, or its effect", async || {
                taking.is_finished() || service.refusals().await >= refusals
            })
            .await;
        taking.abort();
    }
    let twice = service.effects_twice().await;
    assert!(twice.is_empty(), "an effect twice: {twice:?}");
    service.close().await;
}

#[tokio::test]
async fn rows_are_in_a_partition_of_this_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::open(folder.path(), &[]).await;
    let mut message = confirmed(ORDER, 1);
    message.event.partition = 7;
    service.take(vec![message]).await;
    let partitions = service.app.store.identity().partitions;
    let rows = service.app.store.deliveries(vec![order()]).await;
    for (id, delivery, shipments) in rows.expect("they are read") {
        let of_delivery = delivery.into_iter().map(|d| d.partition);
        for found in of_delivery.chain(shipments.iter().map(|s| s.partition)) {
            let own = partition::of_order(id, partitions);
            assert_eq!(found, own, "rows in another store's partition");
        }
    }
    service.close().await;
}

/// Runs a test above in a process of its own, with a defect: it must say what is wrong.
#[cfg(feature = "planted-defects")]
fn is_red(test: &str, defect: &str, finding: &str) {
    let this = std::env::current_exe().expect("the test binary");
    let test = format!("consumers::inbox::tests::once::{test}");
    let run = |defect: Option<&str>| {
        let mut child = std::process::Command::new(&this);
        child.args(["--exact", &test]);
        child.env_remove("WAYBILL_TEST_DEFECT");
        child.envs(defect.map(|name| ("WAYBILL_TEST_DEFECT", name)));
        let output = child.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("running 1 test"), "{said}");
        (output.status.success(), said)
    };
    let (green, said) = run(None);
    assert!(green, "{said}");
    let (green, said) = run(Some(defect));
    assert!(!green && said.contains(finding), "{said}");
}

#[cfg(feature = "planted-defects")]
#[test]
fn repeated_messages_are_red_without_an_inbox() {
    let test = "a_message_that_comes_again_has_no_second_effect";
    is_red(test, "no_inbox", "an effect twice");
}

#[cfg(feature = "planted-defects")]
#[test]
fn a_death_is_red_with_the_watermark_in_a_transaction_of_its_own() {
    let test = "a_process_that_dies_after_an_effect_has_written_that_it_was_taken";
    is_red(test, "watermark_apart", "an effect twice");
}

#[cfg(feature = "planted-defects")]
#[test]
fn rows_are_red_in_the_senders_partition() {
    let test = "rows_are_in_a_partition_of_this_store";
    is_red(test, "senders_partition", "another store's partition");
}
