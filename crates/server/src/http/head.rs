//! What must hold of every request's head before anything of it is used (RFC 9110, RFC 9112).
//!
//! hyper has parsed the head. This module refuses what a proxy could understand differently, or a handler would have to
//! guess: a missing or invalid `Host`, a repeated header of which one value would be ignored, a transfer coding other
//! than `chunked`, percent-encoding that is not UTF-8. `body` checks bodies.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, header};
use waybill_domain::echo::Echo;

use super::host::Host;
use super::v1::codes;
use super::v1::problem::Problem;

/// Headers of which only one line is used, so that another one would be ignored. `Host`, and `Idempotency-Key` where it
/// is read, have messages of their own.
static ONCE: [(HeaderName, &str); 3] = [
    (header::AUTHORIZATION, "Authorization"),
    (header::CONTENT_TYPE, "Content-Type"),
    (HeaderName::from_static("last-event-id"), "Last-Event-ID"),
];

/// The parts of a request that come before its body.
pub struct Head<'a> {
    pub method: &'a Method,
    pub uri: &'a Uri,
    pub version: Version,
    pub headers: &'a HeaderMap,
}

/// Which names the server answers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    Any,
    /// A page elsewhere can give its own name the address 127.0.0.1 and then read answers as its own; its requests bear
    /// that name.
    Loopback,
}

/// Checks a head.
///
/// # Errors
/// 400, 417, 421 or 501.
pub fn check(head: &Head<'_>, names: Names) -> Result<(), Problem> {
    known(head.method)?;
    host(head, names)?;
    expectation(head.headers)?;
    for (name, written) in &ONCE {
        let mut lines = head.headers.get_all(name).iter();
        if lines.next().is_some() && lines.next().is_some() {
            let detail = format!("{written} stands more than once; send it once");
            return Err(Problem::new(codes::DUPLICATE_HEADER, detail).of(*written));
        }
    }
    transfer(head.headers)?;
    target(head.uri)
}

/// Allows the methods of RFC 9110 and RFC 5789; another one is 501 on every path.
fn known(method: &Method) -> Result<(), Problem> {
    const KNOWN: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ];
    if KNOWN.contains(method) {
        return Ok(());
    }
    let detail = format!("the method \"{}\" is not known", Echo(method.as_str()));
    Err(Problem::new(codes::UNKNOWN_METHOD, detail))
}

/// `100-continue` is the only expectation there is (RFC 9110 section 10.1.1); hyper answers it.
fn expectation(headers: &HeaderMap) -> Result<(), Problem> {
    let mut lines = headers.get_all(header::EXPECT).iter();
    let Some(odd) = lines.find(|line| !line.as_bytes().eq_ignore_ascii_case(b"100-continue"))
    else {
        return Ok(());
    };
    let found = String::from_utf8_lossy(odd.as_bytes());
    let detail = format!("expected Expect: 100-continue; found \"{}\"", Echo(&found));
    Err(Problem::new(codes::EXPECTATION_FAILED, detail).of("Expect"))
}

fn host(head: &Head<'_>, names: Names) -> Result<(), Problem> {
    let invalid = |detail: String| Problem::new(codes::INVALID_HOST, detail).of("Host");
    let mut lines = head.headers.get_all(header::HOST).iter();
    let given = match (lines.next(), lines.next()) {
        (Some(_), Some(_)) => return Err(invalid("Host stands more than once".into())),
        (Some(line), None) => {
            let host = line.to_str().ok().and_then(Host::parse);
            Some(host.ok_or_else(|| {
                let found = String::from_utf8_lossy(line.as_bytes());
                let detail = "expected a name or an address, with or without a port";
                invalid(format!("{detail}; found \"{}\"", Echo(&found)))
            })?)
        }
        (None, _) if head.version >= Version::HTTP_11 => {
            return Err(invalid("an HTTP/1.1 request must have a Host".into()));
        }
        (None, _) => None,
    };
    // The name in the request line takes precedence over `Host` (RFC 9112 section 3.2.2). A browser puts its page's name
    // into both, so both are checked.
    let in_target = match head.uri.authority() {
        Some(authority) => Some(Host::parse(authority.as_str()).ok_or_else(|| {
            let detail = "the host in the request line is no name or address";
            invalid(detail.into())
        })?),
        None => None,
    };
    if names == Names::Any || *head.method == Method::CONNECT {
        return Ok(());
    }
    let elsewhere = [given, in_target]
        .into_iter()
        .flatten()
        .find(|host| !host.is_loopback());
    match elsewhere {
        None => Ok(()),
        Some(host) => {
            let detail = format!(
                "the demo answers to localhost, 127.0.0.1 and [::1] only; found \"{}\"",
                Echo(host.name())
            );
            Err(Problem::new(codes::MISDIRECTED, detail).of("Host"))
        }
    }
}

/// hyper decodes `chunked` if it is the last coding, and no other coding.
fn transfer(headers: &HeaderMap) -> Result<(), Problem> {
    let mut lines = headers.get_all(header::TRANSFER_ENCODING).iter();
    let Some(line) = lines.next() else {
        return Ok(());
    };
    if lines.next().is_none() && line.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let detail = "of transfer codings only chunked is understood";
    Err(Problem::new(codes::UNSUPPORTED_TRANSFER, detail)
        .of("Transfer-Encoding")
        // The end of the body is unknown, so a following request on this connection could not be read.
        .header(header::CONNECTION, HeaderValue::from_static("close")))
}

/// Path and query must be percent-encoded UTF-8. Separators are ASCII, so the whole can be checked at once.
fn target(uri: &Uri) -> Result<(), Problem> {
    if !is_text(uri.path()) {
        let detail = "the path is not percent-encoded UTF-8";
        return Err(Problem::new(codes::INVALID_PATH, detail));
    }
    let query = uri.query().unwrap_or_default();
    if is_text(query) {
        return Ok(());
    }
    let wrong = query.split('&').find(|pair| !is_text(pair)).unwrap_or("");
    let name = wrong.split('=').next().unwrap_or("");
    let detail = format!("\"{}\" is not percent-encoded UTF-8", Echo(wrong));
    Err(Problem::new(codes::INVALID_PARAMETER, detail).of(Echo(name).to_string()))
}

/// Whether every `%` begins an escape and what comes out is UTF-8.
fn is_text(encoded: &str) -> bool {
    if !encoded.contains('%') {
        return true;
    }
    let hex = |byte: u8| char::from(byte).to_digit(16);
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.as_bytes();
    while let [byte, rest @ ..] = bytes {
        bytes = rest;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let [high, low, after @ ..] = rest else {
            return false;
        };
        let (Some(high), Some(low)) = (hex(*high), hex(*low)) else {
            return false;
        };
        decoded.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits are below 256"));
        bytes = after;
    }
    std::str::from_utf8(&decoded).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(
        uri: &str,
        version: Version,
        lines: &[(&str, &str)],
        names: Names,
    ) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: HeaderName = name.parse().expect("a name");
            headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        let uri: Uri = uri.parse().expect("a target");
        let head = Head {
            method: &Method::GET,
            uri: &uri,
            version,
            headers: &headers,
        };
        check(&head, names).err().map(|problem| problem.code())
    }

    #[test]
    fn a_request_names_one_host() {
        let code = |version, lines| code("/", version, lines, Names::Any);
        assert_eq!(
            code(Version::HTTP_11, &[("host", "shop.example:3000")]),
            None
        );
        assert_eq!(code(Version::HTTP_10, &[]), None);
        let wrong: [&[(&str, &str)]; 5] = [
            &[],
            &[("host", "a"), ("host", "a")],
            &[("host", "")],
            &[("host", "a b")],
            &[("host", "user@a")],
        ];
        for lines in wrong {
            assert_eq!(
                code(Version::HTTP_11, lines),
                Some("invalid_host"),
                "{lines:?}"
            );
        }
    }

    #[test]
    fn the_demo_answers_to_loopback_names_only() {
        let code = |uri, host| code(uri, Version::HTTP_11, &[("host", host)], Names::Loopback);
        for host in [
            "localhost",
            "LocalHost.:3000",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:3000",
            "[::1]",
        ] {
            assert_eq!(code("/", host), None, "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]:3000",
            "127.0.0.1.nip.io",
        ] {
            assert_eq!(code("/", host), Some("misdirected"), "{host}");
        }
        assert_eq!(
            code("http://evil.example/", "localhost"),
            Some("misdirected")
        );
        assert_eq!(code("http://localhost/", "localhost"), None);
    }

    #[test]
    fn a_header_that_is_read_once_stands_once() {
        let with = |lines: &[(&str, &str)]| {
            let lines: Vec<_> = [("host", "a")].iter().chain(lines).copied().collect();
            code("/", Version::HTTP_11, &lines, Names::Any)
        };
        assert_eq!(with(&[("authorization", "Bearer a")]), None);
        for name in ["authorization", "content-type", "last-event-id"] {
            assert_eq!(with(&[(name, "a"), (name, "a")]), Some("duplicate_header"));
        }
        assert_eq!(with(&[("transfer-encoding", "Chunked")]), None);
        for coding in ["gzip, chunked", "chunked, chunked", "identity"] {
            assert_eq!(
                with(&[("transfer-encoding", coding)]),
                Some("unsupported_transfer")
            );
        }
    }

    #[test]
    fn path_and_query_are_percent_encoded_utf_8() {
        let code = |uri| code(uri, Version::HTTP_11, &[("host", "a")], Names::Any);
        for good in ["/v1/orders/ref:%C3%BC?sku=%e2%82%ac+1&x", "/?a=b&a=b"] {
            assert_eq!(code(good), None, "{good}");
        }
        for bad in ["/%ff", "/a%", "/%zz", "/%c3/%bc"] {
            assert_eq!(code(bad), Some("invalid_path"), "{bad}");
        }
        for bad in ["/?sku=%ff", "/?%=1", "/?a=1&b=%4", "/?a=%C3&b=%BC"] {
            assert_eq!(code(bad), Some("invalid_parameter"), "{bad}");
        }
    }
}
