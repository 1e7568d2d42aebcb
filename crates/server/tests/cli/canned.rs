//! A server with fixed answers, for answers that this version of Waybill does not give.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub struct Canned {
    pub url: String,
    serving: JoinHandle<()>,
}

impl Canned {
    /// Gives this answer to everything: a status (`200 OK`), further header lines and JSON.
    pub async fn answers(status: &str, headers: &str, body: &str) -> Self {
        Self::answers_in_turn(vec![answer(status, headers, body)]).await
    }

    /// Gives the first of these to the first request and so on, and the last to all further ones.
    pub async fn answers_in_turn(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (answers, asked) = (Arc::new(answers), Arc::new(AtomicUsize::new(0)));
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answers, asked) = (answers.clone(), asked.clone());
                tokio::spawn(async move {
                    let mut request = vec![0; 65_536];
                    // The requests of these tests come in one piece.
                    while stream.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {
                        let turn = asked.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1);
                        if stream.write_all(answers[turn].as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, serving }
    }
}

/// An answer as it goes over the wire.
pub fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
