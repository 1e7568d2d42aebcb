//! Where the server is: a base address, read once from `--url`.
//!
//! Invariant: a `Target` is plain http with a host and a port; its path never ends in a slash.

use http::uri::{Authority, Scheme, Uri};
use http::{HeaderValue, uri::InvalidUri};

use super::ClientError;

/// A server's base address, taken apart once so that no request has to do it again.
#[derive(Clone, Debug)]
pub struct Target {
    host: String,
    port: u16,
    base_path: String,
    host_header: HeaderValue,
}

impl Target {
    /// Reads `http://host[:port][/path]`.
    ///
    /// # Errors
    /// `ClientError::BadUrl` with what is wrong and what would do.
    pub fn parse(url: &str) -> Result<Self, ClientError> {
        let refuse = |why: &str| ClientError::BadUrl {
            url: url.to_owned(),
            why: why.to_owned(),
        };
        let uri: Uri = url
            .parse()
            .map_err(|error: InvalidUri| refuse(&error.to_string()))?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(refuse(
                "it must begin with http:// (for https, go through a local proxy)",
            ));
        }
        if uri.query().is_some() {
            return Err(refuse("a base address has no query"));
        }
        let authority = uri.authority().ok_or_else(|| refuse("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse(
                "credentials do not belong in the address; use --token",
            ));
        }
        let host_header = HeaderValue::from_str(authority.as_str())
            .map_err(|_| refuse("its host is no header value"))?;
        Ok(Self {
            host: bare_host(authority).to_owned(),
            port: authority.port_u16().unwrap_or(80),
            base_path: uri.path().trim_end_matches('/').to_owned(),
            host_header,
        })
    }

    /// Host and port as `TcpStream::connect` wants them (an IPv6 address without its brackets).
    #[must_use]
    pub fn socket(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// The `Host` header of every request.
    #[must_use]
    pub fn host_header(&self) -> &HeaderValue {
        &self.host_header
    }

    /// The request target of a path that begins with a slash and is already percent-encoded.
    ///
    /// # Errors
    /// `ClientError::BadUrl` when the two together are no URI.
    pub fn uri(&self, path_and_query: &str) -> Result<Uri, ClientError> {
        let whole = format!("{}{path_and_query}", self.base_path);
        whole
            .parse()
            .map_err(|error: InvalidUri| ClientError::BadUrl {
                url: whole.clone(),
                why: error.to_string(),
            })
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "http://{}{}",
            self.host_header.to_str().unwrap_or(&self.host),
            self.base_path
        )
    }
}

fn bare_host(authority: &Authority) -> &str {
    authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']')
}

/// Percent-encodes what a user typed for use as one path segment or query value (RFC 3986 §2.3:
/// unreserved characters stay; `:` stays too, it is allowed in a segment and `number:WB-…` uses it).
#[must_use]
pub fn path_segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(b"0123456789ABCDEF"[usize::from(byte >> 4)]));
            encoded.push(char::from(b"0123456789ABCDEF"[usize::from(byte & 15)]));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let target = Target::parse("http://[::1]:3000/shop/").unwrap();
        assert_eq!(target.socket(), ("::1", 3000));
        assert_eq!(target.host_header(), "[::1]:3000");
        assert_eq!(
            target.uri("/v1/orders?limit=1").unwrap(),
            "/shop/v1/orders?limit=1"
        );
        assert_eq!(target.to_string(), "http://[::1]:3000/shop");
    }

    #[test]
    fn an_address_that_cannot_work_is_refused_with_the_reason() {
        for (url, word) in [
            ("https://example.org", "http://"),
            ("localhost:3000", "http://"),
            ("http://u:p@example.org", "--token"),
            ("http://a/?x=1", "query"),
        ] {
            let error = Target::parse(url).unwrap_err().to_string();
            assert!(error.contains(word), "{url}: {error}");
        }
    }

    #[test]
    fn what_a_user_types_cannot_leave_its_segment() {
        assert_eq!(path_segment("number:WB-000123"), "number:WB-000123");
        assert_eq!(path_segment("a/../b?c=ü"), "a%2F..%2Fb%3Fc%3D%C3%BC");
    }
}
