//! Subscribers that run, and publishing until it succeeds.

use crate::conformance::recorder::PATIENCE;
use crate::conformance::{Recorder, Topics};
use crate::message::Message;
use crate::publisher::{Published, Publisher};
use crate::receiver::Receiver;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A subscriber that runs.
pub struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Starts one, as a process of its own would.
    pub async fn start(topics: &Arc<dyn Topics>, recorder: &Arc<Recorder>) -> Self {
        let subscriber = topics.subscriber().await;
        let stop = CancellationToken::new();
        let (receiver, token): (Arc<dyn Receiver>, _) = (recorder.clone(), stop.clone());
        let task = tokio::spawn(async move { subscriber.run(receiver, token).await });
        Self { stop, task }
    }

    /// Stops it.
    pub async fn stop(self) -> Result<(), String> {
        self.stop.cancel();
        match tokio::time::timeout(PATIENCE, self.task).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("the subscriber failed: {error}")),
            Err(_) => Err("the subscriber does not stop".into()),
        }
    }
}

/// Publishes as the relay does: what is not confirmed is published again, with everything of its key after it.
pub async fn publish(publisher: &Arc<dyn Publisher>, messages: &[Message]) -> Result<(), String> {
    let last = Mutex::new(String::new());
    let publishing = async {
        for batch in messages.chunks(100) {
            let mut open = batch.to_vec();
            while !open.is_empty() {
                let results = publisher.publish(open.clone()).await;
                let mut left = vec![];
                for (message, result) in open.into_iter().zip(results) {
                    match result {
                        Published::Confirmed => {}
                        Published::Later(why) => {
                            *last.lock() = why;
                            left.push(message);
                        }
                        Published::Impossible(why) => return Err(why),
                    }
                }
                open = left;
                if !open.is_empty() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        Ok(())
    };
    let published = tokio::time::timeout(PATIENCE, publishing).await;
    published.map_err(|_| format!("the broker does not take the messages: {}", last.lock()))?
}

/// `Ok` if it is so.
pub fn ensure(so: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if so { Ok(()) } else { Err(otherwise()) }
}
