//! Free ports for servers of tests.

use std::net::SocketAddr;
use std::ops::Range;

use anyhow::{Context, Result};

use crate::seed;

/// Below the ports that systems give to outgoing connections, so that a client of another test cannot take a
/// server's port while the server is being restarted.
const PORTS: Range<u16> = 12_000..28_000;

/// A loopback address whose port is free now.
pub fn free_address() -> Result<SocketAddr> {
    let span = u64::from(PORTS.end - PORTS.start);
    let first = seed::fresh() % span;
    let ports = (0..span).map(|n| PORTS.start + ((first + n) % span) as u16);
    let mut addresses = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let free = addresses.find(|address| std::net::TcpListener::bind(address).is_ok());
    free.with_context(|| format!("no free port within {PORTS:?}"))
}
