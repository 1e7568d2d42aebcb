//! Messages flow: in order, all of them, no faster than they are taken.

use super::running::{Running, ensure, publish};
use crate::conformance::{Bench, Recorder, chain};
use std::time::Duration;

pub async fn two_consumers_share_the_work_in_order_per_key(
    bench: &dyn Bench,
) -> Result<(), String> {
    let topics = bench.fresh().await;
    let recorder = Recorder::new();
    let one = Running::start(&topics, &recorder).await;
    let two = Running::start(&topics, &recorder).await;
    let messages = chain(20, 10);
    publish(&topics.publisher().await, &messages).await?;
    let all = messages.len();
    recorder.until("all", |r| r.count() == all).await?;
    one.stop().await?;
    two.stop().await?;
    recorder.check(&messages)
}

pub async fn what_is_not_taken_comes_again_and_nothing_overtakes_it(
    bench: &dyn Bench,
) -> Result<(), String> {
    let topics = bench.fresh().await;
    let recorder = Recorder::new();
    recorder.close(true);
    let running = Running::start(&topics, &recorder).await;
    let publisher = topics.publisher().await;
    let messages = chain(3, 4);
    let published = messages.clone();
    let publishing = tokio::spawn(async move { publish(&publisher, &published).await });
    recorder.until("a first try", |r| r.handed() > 0).await?;
    let first = recorder.handed();
    recorder
        .until("another try", |r| r.handed() > first)
        .await?;
    ensure(recorder.count() == 0, || "something was taken".into())?;
    recorder.close(false);
    let all = messages.len();
    recorder.until("all", |r| r.count() == all).await?;
    publishing.await.map_err(|error| error.to_string())??;
    running.stop().await?;
    recorder.check(&messages)
}

pub async fn a_message_published_twice_blocks_nothing(bench: &dyn Bench) -> Result<(), String> {
    let topics = bench.fresh().await;
    let recorder = Recorder::new();
    let running = Running::start(&topics, &recorder).await;
    let publisher = topics.publisher().await;
    let messages = chain(2, 3);
    publish(&publisher, &messages[..4]).await?;
    publish(&publisher, &messages).await?;
    let all = messages.len();
    recorder.until("all", |r| r.count() == all).await?;
    running.stop().await?;
    recorder.check(&messages)
}

pub async fn what_is_published_before_anybody_reads_is_kept(
    bench: &dyn Bench,
) -> Result<(), String> {
    let topics = bench.fresh().await;
    let messages = chain(5, 3);
    publish(&topics.publisher().await, &messages).await?;
    let recorder = Recorder::new();
    let running = Running::start(&topics, &recorder).await;
    let all = messages.len();
    recorder.until("all", |r| r.count() == all).await?;
    running.stop().await?;
    recorder.check(&messages)
}

/// Messages that may be handed over while the first call has not returned.
const IN_HAND: usize = 1_000;

pub async fn a_slow_receiver_is_not_flooded(bench: &dyn Bench) -> Result<(), String> {
    let topics = bench.fresh().await;
    let recorder = Recorder::new();
    recorder.hold(true);
    let running = Running::start(&topics, &recorder).await;
    let publisher = topics.publisher().await;
    let messages = chain(300, 10);
    let published = messages.clone();
    let publishing = tokio::spawn(async move { publish(&publisher, &published).await });
    recorder.until("a first call", |r| r.handed() > 0).await?;
    // Long enough for a driver without a bound to hand over everything.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let handed = recorder.handed();
    ensure(handed <= IN_HAND, || {
        format!("{handed} messages were handed over while none was taken")
    })?;
    recorder.hold(false);
    let all = messages.len();
    recorder.until("all", |r| r.count() == all).await?;
    publishing.await.map_err(|error| error.to_string())??;
    running.stop().await?;
    recorder.check(&messages)
}

pub async fn a_stop_leaves_what_was_not_taken_to_the_next(bench: &dyn Bench) -> Result<(), String> {
    let topics = bench.fresh().await;
    let recorder = Recorder::new();
    recorder.close(true);
    let first = Running::start(&topics, &recorder).await;
    let publisher = topics.publisher().await;
    let messages = chain(10, 5);
    let published = messages.clone();
    let publishing = tokio::spawn(async move { publish(&publisher, &published).await });
    recorder.until("a first try", |r| r.handed() > 0).await?;
    first.stop().await?;
    ensure(recorder.count() == 0, || "something was taken".into())?;
    recorder.close(false);
    let second = Running::start(&topics, &recorder).await;
    let all = messages.len();
    recorder.until("all", |r| r.count() == all).await?;
    publishing.await.map_err(|error| error.to_string())??;
    second.stop().await?;
    recorder.check(&messages)
}
