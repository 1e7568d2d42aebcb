//! Binds the addresses of a server before anything is accepted, so that a busy port is a clear error.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Connections the kernel may hold until they are accepted; a burst of clients connects at once.
const BACKLOG: u32 = 4_096;

/// An address that cannot be listened on, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; {advice}", advice = advice(source))]
pub struct BindError {
    pub address: SocketAddr,
    #[source]
    pub source: io::Error,
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another process has this port: stop it, or choose another port with --listen"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege: choose another with --listen"
        }
        _ => "choose an address of this machine with --listen",
    }
}

/// Binds them all or none. A machine without IPv6 has no `[::1]`; it is left out when another address
/// was bound.
///
/// # Errors
/// An address is busy, forbidden, or not of this machine.
pub fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        match bind_one(*address) {
            Ok(listener) => listeners.push(listener),
            Err(error) if is_missing_ipv6(*address, &error) && !listeners.is_empty() => {
                tracing::info!(%address, "this machine has no IPv6; left out");
            }
            Err(source) => {
                return Err(BindError {
                    address: *address,
                    source,
                });
            }
        }
    }
    Ok(listeners)
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // Without it a restarted server could not bind while the old one's connections are in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn is_missing_ipv6(address: SocketAddr, error: &io::Error) -> bool {
    /// EAFNOSUPPORT has no kind of its own; its number is the same on all Linux platforms.
    const EAFNOSUPPORT: i32 = 97;
    let missing = error.kind() == io::ErrorKind::AddrNotAvailable
        || error.kind() == io::ErrorKind::Unsupported
        || error.raw_os_error() == Some(EAFNOSUPPORT);
    address.is_ipv6() && address.ip().is_loopback() && missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_busy_port_is_named_with_the_fix() {
        let free = "127.0.0.1:0".parse().expect("an address");
        let first = bind(&[free]).expect("bound");
        let taken = first[0].local_addr().expect("bound");
        let error = bind(&[free, taken]).expect_err("it is taken").to_string();
        assert!(
            error.contains(&taken.to_string()) && error.contains("--listen"),
            "{error}"
        );
    }
}
