//! The rules of `deploy/alerts.yaml` for the inbox.

use super::*;
use crate::observe::alert_rule::Rule;

#[tokio::test]
async fn a_missing_event_raises_the_alert_until_it_comes() {
    let rule = Rule::of("WaybillInboxGaps", "waybill_inbox_gaps");
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::open(folder.path(), &[]).await;
    rule.is_quiet(&service.router).await;
    service.take(vec![noted(1, 2)]).await;
    rule.fires(&service.router).await;
    service.take(vec![noted(1, 1)]).await;
    rule.is_quiet(&service.router).await;
    service.close().await;
}

#[tokio::test]
async fn a_message_that_cannot_be_read_raises_the_alert_until_it_is_discarded() {
    let rule = Rule::of("WaybillInboxUnreadable", "waybill_inbox_unreadable");
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::open(folder.path(), &[]).await;
    rule.is_quiet(&service.router).await;
    let unknown = with(&noted(1, 1), name::TYPE, "order.unheard_of");
    service.deliver(vec![unknown]).await;
    rule.fires(&service.router).await;
    service.flag("discard").await;
    rule.is_quiet(&service.router).await;
    service.close().await;
}

#[tokio::test]
async fn a_restored_source_raises_the_alert_until_it_is_adopted() {
    let rule = Rule::of("WaybillInboxStopped", "waybill_inbox_stopped_sources");
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::open(folder.path(), &[]).await;
    service.take(vec![noted(1, 1)]).await;
    rule.is_quiet(&service.router).await;
    let mut anew = noted(1, 2);
    anew.source.generation = "g2".into();
    service.inbox.receive(vec![anew]).await;
    rule.fires(&service.router).await;
    let adopt = json!({"generation": "g2"});
    service
        .send(Method::POST, "/v1/inbox/orders/adopt", &adopt)
        .await;
    rule.is_quiet(&service.router).await;
    service.close().await;
}
