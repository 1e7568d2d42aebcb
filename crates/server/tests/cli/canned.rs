//! A server that gives one answer to everything: for answers that a Waybill of today would not give.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub struct Canned {
    pub url: String,
    serving: JoinHandle<()>,
}

impl Canned {
    /// Answers with this status line (`200 OK`), these further header lines and this JSON.
    pub async fn answers(status: &str, headers: &str, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = answer.clone();
                tokio::spawn(async move {
                    let mut request = vec![0; 65_536];
                    // The requests of these tests come in one piece.
                    if stream.read(&mut request).await.is_ok() {
                        let _ = stream.write_all(answer.as_bytes()).await;
                        let _ = stream.shutdown().await;
                    }
                });
            }
        });
        Self { url, serving }
    }
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
