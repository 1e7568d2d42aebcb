//! The types that settings are parsed into: times, ranges of times, addresses, secrets, choices.
//!
//! Invariant: wrong values are refused here, with a message that tells the operator what is allowed.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A length of time in whole milliseconds, at most [`Millis::LONGEST`], so that it can be added to any time in
/// microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64")]
pub struct Millis(u64);

impl Millis {
    /// A hundred years of 365 days.
    pub const LONGEST: u64 = 100 * 365 * 86_400_000;

    /// So many milliseconds, named in the code.
    ///
    /// # Panics
    /// If they are more than [`Self::LONGEST`].
    #[must_use]
    pub const fn new(millis: u64) -> Self {
        assert!(millis <= Self::LONGEST, "more than a hundred years");
        Self(millis)
    }

    /// So many milliseconds; `None` when they are more than [`Self::LONGEST`].
    #[must_use]
    pub fn checked(millis: u64) -> Option<Self> {
        (millis <= Self::LONGEST).then_some(Self(millis))
    }

    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// As the signed type of stored times.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        // A hundred years of milliseconds need 42 bits.
        self.0 as i64
    }

    /// In the unit of `Clock`.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.as_i64() * 1_000
    }

    /// Reads `"1500"`, `"500ms"`, `"30s"`, `"5m"`, `"24h"`, `"7d"`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let count: u64 = text[..digits].parse().ok()?;
        let unit = match text[digits..].trim_start() {
            "" | "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        count.checked_mul(unit).and_then(Self::checked)
    }
}

impl TryFrom<u64> for Millis {
    type Error = String;

    fn try_from(millis: u64) -> Result<Self, String> {
        Self::checked(millis).ok_or_else(|| format!("{millis} ms are more than a hundred years"))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A time that is drawn anew each time, from `least` up to and including `most`, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MillisRange {
    least: Millis,
    most: Millis,
}

impl MillisRange {
    /// Reads `"50-150"`, `"2s-8s"` or a single time.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (least, most) = text.split_once('-').unwrap_or((text, text));
        let (least, most) = (Millis::parse(least)?, Millis::parse(most)?);
        (least <= most).then_some(Self { least, most })
    }

    /// Always the same time.
    #[must_use]
    pub fn always(time: Millis) -> Self {
        Self {
            least: time,
            most: time,
        }
    }

    /// The longest time that is drawn.
    #[must_use]
    pub fn most(self) -> Millis {
        self.most
    }

    /// One time of the range, even over it.
    #[must_use]
    pub fn pick(self, entropy: &crate::random::Entropy) -> Millis {
        Millis(entropy.range(self.least.0..self.most.0 + 1))
    }
}

impl TryFrom<String> for MillisRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text} is no time and no range of times"))
    }
}

impl From<MillisRange> for String {
    fn from(range: MillisRange) -> Self {
        if range.least == range.most {
            range.least.to_string()
        } else {
            format!("{}-{}", range.least, range.most)
        }
    }
}

/// An address to listen on, as it was given; what a bare port means depends on the profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Listen {
    /// `:3000`
    Port(u16),
    /// `localhost:3000`
    Localhost(u16),
    /// `127.0.0.1:3000`, `[::1]:3000`
    Address(SocketAddr),
}

impl Listen {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(port) = text.strip_prefix(':') {
            return port.parse().ok().map(Self::Port);
        }
        if let Some(port) = text.strip_prefix("localhost:") {
            return port.parse().ok().map(Self::Localhost);
        }
        text.parse().ok().map(Self::Address)
    }

    /// The addresses to bind. Outside `demo` a bare port is every IPv4 interface, as containers expect.
    #[must_use]
    pub fn addresses(&self, profile: Profile) -> Vec<SocketAddr> {
        let loopback = |port: u16| {
            vec![
                SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
                SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port),
            ]
        };
        match (self, profile) {
            (Self::Address(address), _) => vec![*address],
            (Self::Localhost(port), _) | (Self::Port(port), Profile::Demo) => loopback(*port),
            (Self::Port(port), Profile::Standard) => {
                vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), *port)]
            }
        }
    }
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text} is no address"))
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> Self {
        match listen {
            Listen::Port(port) => format!(":{port}"),
            Listen::Localhost(port) => format!("localhost:{port}"),
            Listen::Address(address) => address.to_string(),
        }
    }
}

/// Text that is never shown: not by `Debug`, not in a log, not by `config dump`. It can be read, not written.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// What stands for a secret where settings are shown.
const REDACTED: &str = "[redacted]";

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // That none is given may be shown.
        serializer.serialize_str(if self.0.is_empty() { "" } else { REDACTED })
    }
}

impl Secret {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one who signs or connects with it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// A secret that signs and verifies tokens, identified by its `kid`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningSecret {
    pub kid: String,
    pub secret: Secret,
}

/// A set of settings for a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    Standard,
    Demo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InventoryMode {
    None,
    Simulated,
}

/// What carries events between processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BrokerKind {
    /// None: a process reads the log of its own store, and that is all.
    Embedded,
    Kafka,
    RabbitMq,
    Sqs,
}

impl BrokerKind {
    pub const NAMES: &'static [&'static str] = &["embedded", "kafka", "rabbitmq", "sqs"];

    /// Its name in the settings, which is also the feature that a binary needs for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Kafka => "kafka",
            Self::RabbitMq => "rabbitmq",
            Self::Sqs => "sqs",
        }
    }

    /// Whether it is another process.
    #[must_use]
    pub const fn is_external(self) -> bool {
        !matches!(self, Self::Embedded)
    }
}

/// What the processes of an installation share beside the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheKind {
    None,
    Redis,
}

/// When a process takes events of other stores from the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subscribe {
    /// When it runs one of the roles `delivery` and `status` without the other.
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Auto,
    Json,
    Human,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_with_and_without_a_unit() {
        for (text, millis) in [("0", 0), ("1500", 1_500), ("500ms", 500), ("30s", 30_000)] {
            assert_eq!(Millis::parse(text), Some(Millis(millis)), "{text}");
        }
        assert_eq!(Millis::parse("24h"), Some(Millis(86_400_000)));
        assert_eq!(Millis::parse("7 d"), Some(Millis(604_800_000)));
        for text in [
            "",
            "h",
            "-5",
            "1.5s",
            "5 weeks",
            "99999999999999999999",
            "9999999999999999d",
            "36501d",
        ] {
            assert_eq!(Millis::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_range_of_times_must_not_run_backwards() {
        assert_eq!(
            MillisRange::parse("50-150"),
            Some(MillisRange {
                least: Millis(50),
                most: Millis(150)
            })
        );
        assert_eq!(
            MillisRange::parse("2s-8s"),
            Some(MillisRange {
                least: Millis(2_000),
                most: Millis(8_000)
            })
        );
        assert_eq!(
            MillisRange::parse("7"),
            Some(MillisRange::always(Millis(7)))
        );
        assert_eq!(MillisRange::parse("150-50"), None);
        assert_eq!(MillisRange::parse("a-b"), None);
    }

    #[test]
    fn a_bare_port_is_loopback_in_demo_and_every_interface_elsewhere() {
        let port = Listen::parse(":3001").expect("a port");
        assert!(
            port.addresses(Profile::Demo)
                .iter()
                .all(|address| address.ip().is_loopback())
        );
        assert_eq!(port.addresses(Profile::Demo).len(), 2);
        assert!(port.addresses(Profile::Standard)[0].ip().is_unspecified());
        assert_eq!(Listen::parse("example.org:80"), None);
        assert_eq!(Listen::parse(":70000"), None);
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = SigningSecret {
            kid: "a".into(),
            secret: Secret::new("hush"),
        };
        assert!(!format!("{secret:?}").contains("hush"));
    }
}
