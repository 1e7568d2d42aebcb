//! Answers to requests whose head hyper cannot read.
//!
//! hyper answers them itself, with a status and an empty body. The socket (`socket.rs`) withholds that
//! answer; when the connection has ended, a problem made here is sent instead. Path and dialect are unknown, so it is in
//! the words of `/v1`. No part of such a request reaches a handler.

use serde_json::json;

use super::v1::codes;
use super::v1::kinds;

/// The first bytes of hyper's own answers. A handler's answer with one of these statuses differs by its correlation id.
const BY_HYPER: [&[u8]; 3] = [b"HTTP/1.1 400 ", b"HTTP/1.1 414 ", b"HTTP/1.1 431 "];

/// Whether these are the first bytes of an answer that hyper gives by itself.
#[must_use]
pub fn is_by_hyper(bytes: &[u8]) -> bool {
    const OURS: &[u8] = b"x-correlation-id";
    BY_HYPER.iter().any(|begin| bytes.starts_with(begin))
        && !bytes.windows(OURS.len()).any(|part| part == OURS)
}

/// The answer to a head of so many bytes that could not be read for this reason.
#[must_use]
pub fn answer(error: &hyper::Error, head_bytes: usize, head_limit_bytes: usize) -> Vec<u8> {
    let (code, detail) = fault(error, head_bytes, head_limit_bytes);
    let kind = kinds::kind(code);
    let status = kind.status();
    let body = json!({
        "type": format!("/problems/{}", code.replace('_', "-")),
        "title": kind.title,
        "status": kind.status,
        "code": code,
        "detail": detail,
    })
    .to_string();
    let length = body.len() + 1;
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}\n"
    )
    .into_bytes()
}

fn fault(
    error: &hyper::Error,
    head_bytes: usize,
    head_limit_bytes: usize,
) -> (&'static str, String) {
    let why = error.to_string();
    if why.contains("HTTP version") {
        let detail =
            "the request line names no version that is spoken here; HTTP/1.1 and HTTP/1.0 are";
        return (codes::UNSUPPORTED_VERSION, detail.into());
    }
    if why.contains("URI too long") {
        let detail = "the target of the request line is too long";
        return (codes::TARGET_TOO_LONG, detail.into());
    }
    if !error.is_parse_too_large() {
        return (
            codes::INVALID_HEAD,
            format!("the head is not valid HTTP/1.1: {why}"),
        );
    }
    if head_bytes < head_limit_bytes {
        // hyper reports an unreadable `Content-Length` and too many header lines with the same error.
        let detail =
            "Content-Length is more than any body can have, or the head has more than 100 lines";
        return (codes::INVALID_HEAD, detail.into());
    }
    let detail =
        format!("the head is larger than {head_limit_bytes} bytes (server.head_limit_bytes)");
    (codes::HEAD_TOO_LARGE, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_kind() {
        for code in [
            codes::UNSUPPORTED_VERSION,
            codes::TARGET_TOO_LONG,
            codes::INVALID_HEAD,
            codes::HEAD_TOO_LARGE,
        ] {
            assert_eq!(kinds::kind(code).code, code);
        }
    }

    #[test]
    fn an_answer_of_a_handler_is_not_hypers() {
        assert!(is_by_hyper(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n"
        ));
        assert!(!is_by_hyper(
            b"HTTP/1.1 400 Bad Request\r\nx-correlation-id: a\r\n\r\n"
        ));
        assert!(!is_by_hyper(b"HTTP/1.1 404 Not Found\r\n\r\n"));
    }
}
