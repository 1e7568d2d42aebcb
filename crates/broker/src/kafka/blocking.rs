//! Calls of librdkafka that block.

/// Runs what blocks in a thread of its own, which a process that ends does not wait for.
pub fn in_thread<T: Send + 'static>(
    act: impl FnOnce() -> T + Send + 'static,
) -> tokio::sync::oneshot::Receiver<T> {
    let (done, result) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || done.send(act()).ok());
    result
}
