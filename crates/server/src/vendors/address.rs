//! Which addresses of vendors may be called.

use std::net::IpAddr;

use http::Uri;
use http::uri::Scheme;

/// Why an address may not be a vendor's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    #[error("it is no address; write https://host or https://host/path")]
    NoUrl,
    #[error("it must begin with https:// or http://")]
    Scheme,
    #[error("a base address has no user, query or fragment")]
    Extra,
    #[error(
        "http is for vendors on this machine only; use https, or set vendors.plain_http where the network is trusted"
    )]
    Plain,
}

/// Checks the base address of a vendor and gives it without a slash at its end.
///
/// # Errors
/// Why it cannot be called.
pub fn check(text: &str, plain_http: bool) -> Result<String, AddressFault> {
    let uri: Uri = text.parse().map_err(|_| AddressFault::NoUrl)?;
    let authority = uri.authority().ok_or(AddressFault::NoUrl)?;
    let is_plain = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => false,
        Some(scheme) if *scheme == Scheme::HTTP => true,
        Some(_) | None => return Err(AddressFault::Scheme),
    };
    if authority.as_str().contains('@') || uri.query().is_some() || text.contains('#') {
        return Err(AddressFault::Extra);
    }
    if is_plain && !plain_http && !is_loopback(authority.host()) {
        return Err(AddressFault::Plain);
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_address_is_https_or_on_this_machine() {
        for (text, kept) in [
            ("https://vendor.example", "https://vendor.example"),
            (
                "https://vendor.example:8443/api/",
                "https://vendor.example:8443/api",
            ),
            ("http://127.0.0.1:3001", "http://127.0.0.1:3001"),
            ("http://[::1]:3001/", "http://[::1]:3001"),
            ("http://localhost:3001", "http://localhost:3001"),
        ] {
            assert_eq!(check(text, false).as_deref(), Ok(kept), "{text}");
        }
    }

    #[test]
    fn other_addresses_are_refused_with_the_reason() {
        for (text, fault) in [
            ("http://vendor.example", AddressFault::Plain),
            ("http://10.0.0.7", AddressFault::Plain),
            ("http://127.0.0.1.example", AddressFault::Plain),
            ("ftp://vendor.example", AddressFault::Scheme),
            ("vendor.example", AddressFault::Scheme),
            ("/stock", AddressFault::NoUrl),
            ("", AddressFault::NoUrl),
            ("https://user:secret@vendor.example", AddressFault::Extra),
            ("https://vendor.example/?key=1", AddressFault::Extra),
            ("https://vendor.example/#x", AddressFault::Extra),
        ] {
            assert_eq!(check(text, false), Err(fault), "{text}");
        }
        assert!(check("http://vendor.example", true).is_ok());
    }
}
