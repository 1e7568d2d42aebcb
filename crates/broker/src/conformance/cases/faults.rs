//! The broker goes away and comes back.

use super::running::{Running, ensure, publish};
use crate::conformance::{Bench, Recorder, chain};
use crate::publisher::Published;
use std::time::Duration;

/// A publisher's call may last this long while the broker is away: the relay waits for it.
const ANSWERED: Duration = Duration::from_secs(30);

pub async fn a_restart_in_the_middle_loses_and_reorders_nothing(
    bench: &dyn Bench,
) -> Result<(), String> {
    let topics = bench.fresh().await;
    let recorder = Recorder::new();
    let running = Running::start(&topics, &recorder).await;
    let publisher = topics.publisher().await;
    let messages = chain(50, 20);
    let published = messages.clone();
    let publishing = tokio::spawn(async move { publish(&publisher, &published).await });
    recorder
        .until("a part of the messages", |r| r.count() >= 100)
        .await?;
    bench.stop().await;
    bench.start().await;
    publishing.await.map_err(|error| error.to_string())??;
    let all = messages.len();
    recorder.until("all", |r| r.count() == all).await?;
    running.stop().await?;
    recorder.check(&messages)
}

pub async fn a_publisher_is_answered_while_the_broker_is_away(
    bench: &dyn Bench,
) -> Result<(), String> {
    let topics = bench.fresh().await;
    let publisher = topics.publisher().await;
    let messages = chain(2, 2);
    publish(&publisher, &messages[..2]).await?;
    bench.stop().await;
    let answered = publisher.publish(messages[2..].to_vec());
    let answered = tokio::time::timeout(ANSWERED, answered).await;
    bench.start().await;
    let answered = answered.map_err(|_| "the publisher does not answer".to_owned())?;
    let all_later = answered.iter().all(|r| matches!(r, Published::Later(_)));
    ensure(all_later, || format!("{answered:?}"))?;
    publish(&publisher, &messages[2..]).await?;
    let recorder = Recorder::new();
    let running = Running::start(&topics, &recorder).await;
    recorder.until("all", |r| r.count() == 4).await?;
    running.stop().await?;
    recorder.check(&messages)
}

pub async fn a_subscriber_connects_again(bench: &dyn Bench) -> Result<(), String> {
    let topics = bench.fresh().await;
    let recorder = Recorder::new();
    let running = Running::start(&topics, &recorder).await;
    let publisher = topics.publisher().await;
    let messages = chain(3, 2);
    publish(&publisher, &messages[..3]).await?;
    recorder.until("the first", |r| r.count() == 3).await?;
    bench.stop().await;
    bench.start().await;
    publish(&publisher, &messages[3..]).await?;
    recorder.until("all", |r| r.count() == 6).await?;
    running.stop().await?;
    recorder.check(&messages)
}
