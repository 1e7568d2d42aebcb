//! Messages that cannot be read, and events that a broker cannot hold.

use super::running::{Running, ensure, publish};
use crate::conformance::{Bench, Recorder, message};
use crate::message::Topic;
use crate::publisher::Published;
use crate::wire::RawMessage;
use std::collections::BTreeMap;
use uuid::Uuid;

pub async fn a_poison_message_is_kept_and_the_lane_goes_on(
    bench: &dyn Bench,
) -> Result<(), String> {
    let topics = bench.fresh().await;
    let recorder = Recorder::new();
    let running = Running::start(&topics, &recorder).await;
    let publisher = topics.publisher().await;
    // All have one key, so they travel on one lane.
    let messages = [message(1, 1, 0), message(1, 2, 0)];
    publish(&publisher, &messages[..1]).await?;
    let key = Uuid::from_u128(1).to_string();
    let strange = RawMessage {
        attributes: BTreeMap::new(),
        body: b"{\"hello\": \"from elsewhere\"}".to_vec(),
    };
    topics.send(Topic::Orders, &key, strange.clone()).await;
    publish(&publisher, &messages[1..]).await?;
    recorder
        .until("two events and a stranger", |r| {
            r.count() == 2 && r.unreadable().len() == 1
        })
        .await?;
    running.stop().await?;
    let kept = &recorder.unreadable()[0];
    ensure(kept.raw.body == strange.body, || {
        format!("its body is {:?}", kept.raw.body)
    })?;
    ensure(kept.fault.code() == "not_a_cloud_event", || {
        format!("it was {}", kept.fault)
    })?;
    if bench.abilities().dead_letter_queue {
        let dead = topics.dead_letters("suite", Topic::Orders).await;
        ensure(dead.len() == 1 && dead[0].body == strange.body, || {
            format!("the dead-letter queue has {dead:?}")
        })?;
    }
    recorder.check(&messages)
}

pub async fn an_event_that_is_too_large_goes_without_its_body(
    bench: &dyn Bench,
) -> Result<(), String> {
    let topics = bench.fresh().await;
    let limit = bench.abilities().size_limit.unwrap_or_default();
    let recorder = Recorder::new();
    let running = Running::start(&topics, &recorder).await;
    let messages = [message(1, 1, 0), message(1, 2, limit), message(1, 3, 0)];
    publish(&topics.publisher().await, &messages).await?;
    recorder.until("all", |r| r.count() == 3).await?;
    running.stop().await?;
    recorder.check(&messages)?;
    let taken = recorder.taken();
    let large = &taken[&messages[0].event.event.aggregate][1];
    ensure(large.event.event.body.contains("fetched"), || {
        "its body was not fetched".into()
    })
}

pub async fn an_impossible_event_is_told_apart_from_its_batch(
    bench: &dyn Bench,
) -> Result<(), String> {
    let topics = bench.fresh().await;
    let limit = bench.abilities().size_limit.unwrap_or_default();
    let publisher = topics.publisher().await;
    // Attributes cannot be left out, so this event is too large even without its body.
    let mut impossible = message(2, 1, 0);
    impossible.event.event.meta.actor = "a".repeat(limit).into();
    let behind = message(2, 2, 0);
    let batch = vec![message(1, 1, 0), impossible, message(3, 1, 0), behind];
    let results = publisher.publish(batch.clone()).await;
    let as_expected = matches!(
        &results[..],
        [
            Published::Confirmed,
            Published::Impossible(_),
            Published::Confirmed,
            Published::Later(_)
        ]
    );
    ensure(as_expected, || format!("{results:?}"))?;
    let recorder = Recorder::new();
    let running = Running::start(&topics, &recorder).await;
    recorder.until("the two others", |r| r.count() == 2).await?;
    running.stop().await?;
    recorder.check(&[batch[0].clone(), batch[2].clone()])
}
