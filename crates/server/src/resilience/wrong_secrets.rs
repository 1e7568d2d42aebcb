//! Limits wrong secrets at the token endpoint, by client and address, and by address.
//!
//! Invariant: failures at one address do not keep a client from its token at another one, so that an attacker elsewhere
//! cannot lock a client out. For the same reason no limit counts one client over all addresses; a secret of 256 random
//! bits is not found by guessing from many addresses either. A client behind the same address as its attacker (one
//! network, or a proxy) waits with it. Memory is bounded as that of [`RateLimiter`].

use std::net::{IpAddr, Ipv6Addr};

use super::quota::{Decision, Quota};
use super::rate_limit::RateLimiter;

/// An address may fail this many times as often as one client at it: several clients may be behind it.
const CLIENTS_OF_AN_ADDRESS: u32 = 5;

/// Counts wrong secrets.
pub struct WrongSecrets {
    of_client: RateLimiter,
    of_address: RateLimiter,
}

impl WrongSecrets {
    /// Allows a client at an address so many wrong secrets in a minute; `None` for 0, which switches the limit off.
    /// Remembers so many clients, and so many addresses.
    #[must_use]
    pub fn of(per_minute: u32, remembered: u32) -> Option<Self> {
        let of_address = per_minute.saturating_mul(CLIENTS_OF_AN_ADDRESS);
        let limit = |per_minute| Some(RateLimiter::of(Quota::per_minute(per_minute)?, remembered));
        Some(Self {
            of_client: limit(per_minute)?,
            of_address: limit(of_address)?,
        })
    }

    /// The refusal of a request whose secret may not be tried now; `None` when it may. The same for clients that exist
    /// and for others.
    pub fn refusal(&self, client: &str, peer: Option<IpAddr>, now_micros: i64) -> Option<Decision> {
        let network = peer.map(network);
        let decisions = [
            self.of_client.look((client, network), now_micros),
            self.of_address.look(network, now_micros),
        ];
        let refused = decisions.into_iter().filter(|decision| !decision.allowed);
        refused.max_by_key(|decision| decision.wait_micros)
    }

    /// Counts a wrong secret.
    pub fn count(&self, client: &str, peer: Option<IpAddr>, now_micros: i64) {
        let network = peer.map(network);
        self.of_client.ask((client, network), now_micros);
        self.of_address.ask(network, now_micros);
    }
}

/// What is counted as one address: of IPv6 the first 64 bits, because one host has all addresses below them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_780_000_000_000_000;
    const MINUTE: i64 = 60_000_000;

    fn limit(per_minute: u32) -> WrongSecrets {
        WrongSecrets::of(per_minute, 1_000).expect("it is on")
    }

    fn at(address: &str) -> Option<IpAddr> {
        Some(address.parse().expect("an address"))
    }

    #[test]
    fn a_client_waits_at_the_address_of_its_failures_and_at_no_other() {
        let limit = limit(2);
        for _ in 0..2 {
            assert_eq!(limit.refusal("shop", at("192.0.2.1"), NOW), None);
            limit.count("shop", at("192.0.2.1"), NOW);
        }
        let refused = limit.refusal("shop", at("192.0.2.1"), NOW);
        let refused = refused.expect("two were wrong");
        assert_eq!(refused.retry_after().seconds(), 30);
        assert_eq!(limit.refusal("shop", at("192.0.2.2"), NOW), None);
        assert_eq!(limit.refusal("other", at("192.0.2.1"), NOW), None);
        assert_eq!(limit.refusal("shop", at("192.0.2.1"), NOW + MINUTE), None);
    }

    #[test]
    fn an_address_that_fails_for_many_clients_waits_for_all() {
        let limit = limit(1);
        for n in 0..5 {
            let client = format!("client-{n}");
            assert_eq!(limit.refusal(&client, at("192.0.2.1"), NOW), None);
            limit.count(&client, at("192.0.2.1"), NOW);
        }
        assert!(limit.refusal("shop", at("192.0.2.1"), NOW).is_some());
        assert_eq!(limit.refusal("shop", at("192.0.2.2"), NOW), None);
    }

    #[test]
    fn a_host_has_one_address_of_ipv6() {
        let limit = limit(1);
        limit.count("shop", at("2001:db8:0:1::1"), NOW);
        assert!(limit.refusal("shop", at("2001:db8:0:1::2"), NOW).is_some());
        assert_eq!(limit.refusal("shop", at("2001:db8:0:2::1"), NOW), None);
        limit.count("shop", at("192.0.2.1"), NOW);
        assert!(limit.refusal("shop", at("::ffff:192.0.2.1"), NOW).is_some());
    }

    #[test]
    fn looking_counts_nothing_and_zero_is_no_limit() {
        let limit = limit(1);
        for _ in 0..100 {
            assert_eq!(limit.refusal("shop", None, NOW), None);
        }
        assert!(WrongSecrets::of(0, 1_000).is_none());
    }
}
