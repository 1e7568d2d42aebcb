//! The value of `Host` (RFC 9110 section 7.2): a name or address, and perhaps a port.

use std::net::{IpAddr, Ipv6Addr};

/// A host, without its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host<'a> {
    name: &'a str,
    v6: Option<Ipv6Addr>,
}

impl<'a> Host<'a> {
    /// Reads `shop.example`, `127.0.0.1:3000` or `[::1]:3000`; `None` for what is none of these.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (name, v6, port) = if let Some(rest) = text.strip_prefix('[') {
            let (address, port) = rest.split_once(']')?;
            (address, Some(address.parse().ok()?), port)
        } else {
            let end = text.find(':').unwrap_or(text.len());
            let (name, port) = text.split_at(end);
            if name.is_empty() || !name.bytes().all(is_of_a_name) {
                return None;
            }
            (name, None, port)
        };
        is_port(port).then_some(Self { name, v6 })
    }

    /// As it was given, without brackets.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Whether it is a loopback address or `localhost`, perhaps with the trailing dot of a complete name.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        if let Some(address) = self.v6 {
            return address.to_canonical().is_loopback();
        }
        let name = self.name.strip_suffix('.').unwrap_or(self.name);
        let address = name.parse::<IpAddr>();
        name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|ip| ip.is_loopback())
    }
}

/// What `reg-name` of RFC 3986 may hold.
fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte)
}

/// Nothing, or a colon and perhaps a number.
fn is_port(text: &str) -> bool {
    match text.strip_prefix(':') {
        None => text.is_empty(),
        Some("") => true,
        Some(digits) => digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_told_from_nonsense() {
        for good in [
            "a",
            "shop.example.",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:3000",
            "a:",
        ] {
            assert!(Host::parse(good).is_some(), "{good}");
        }
        for bad in [
            "", ":80", "a b", "a/b", "a:b", "a:99999", "a:+1", "::1", "[::1", "[x]", "[::1]x",
            "u@a", "ü",
        ] {
            assert!(Host::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn loopback_is_known_in_each_form() {
        for here in [
            "localhost",
            "LOCALHOST.",
            "127.0.0.1",
            "127.8.8.8:1",
            "[::1]",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(
                Host::parse(here).is_some_and(|host| host.is_loopback()),
                "{here}"
            );
        }
        for elsewhere in [
            "local",
            "localhost.example",
            "0.0.0.0",
            "128.0.0.1",
            "[::]",
            "127.1",
        ] {
            assert!(
                !Host::parse(elsewhere).is_some_and(|host| host.is_loopback()),
                "{elsewhere}"
            );
        }
    }
}
