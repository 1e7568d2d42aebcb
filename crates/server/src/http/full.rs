//! The answer to a connection beyond the bound, written without reading a request.

use std::io::Write;
use std::sync::LazyLock;

use tokio::net::TcpStream;
use waybill_domain::retry_after::RetryAfter;

const BODY: &str = "{\"type\":\"/problems/too-many-connections\",\"title\":\"Too many connections\",\"status\":503,\"code\":\"too_many_connections\",\"detail\":\"try again in a second\"}\n";

static ANSWER: LazyLock<String> = LazyLock::new(|| {
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nretry-after: {}\r\nconnection: close\r\n\r\n{BODY}",
        BODY.len(),
        RetryAfter::Soon.seconds()
    )
});

/// Answers 503 and closes the connection.
pub fn refuse(stream: TcpStream) {
    // The socket is new, so its send buffer has room and the write does not block.
    if let Ok(mut stream) = stream.into_std() {
        let _told = stream.write_all(ANSWER.as_bytes());
        let _closed = stream.shutdown(std::net::Shutdown::Write);
    }
}
