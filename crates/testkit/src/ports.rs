//! Free ports for servers of tests.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

use crate::seed;

/// Below the ports that systems give to outgoing connections, so that a client of another test cannot take a
/// server's port while the server is being restarted.
const PORTS: Range<u16> = 12_000..28_000;

/// Ports that were given out. None is given twice: a server that is killed and started again still has its port, and
/// another test's server on it would answer its clients.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A loopback address whose port is free now, and stays with the caller until this process ends.
pub fn free_address() -> Result<SocketAddr> {
    let span = u64::from(PORTS.end - PORTS.start);
    let first = seed::fresh() % span;
    let ports = (0..span).map(|n| PORTS.start + ((first + n) % span) as u16);
    let mut addresses = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let free = addresses.find(|address| {
        !given.contains(&address.port()) && std::net::TcpListener::bind(address).is_ok()
    });
    given.extend(free.map(|address| address.port()));
    free.with_context(|| format!("no free port within {PORTS:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let addresses = (0..500).map(|_| free_address().expect("a free port"));
        let ports: BTreeSet<u16> = addresses.map(|address| address.port()).collect();
        assert_eq!(ports.len(), 500);
    }
}
