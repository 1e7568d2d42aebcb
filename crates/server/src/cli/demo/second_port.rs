//! The second port of the demo: clients of an older system know 8000 where others know 3000.

use crate::config::{Listen, Settings};
use crate::http::listen;

/// The port beside which the second one is listened on.
const FIRST: u16 = 3000;
const SECOND: u16 = 8000;

/// Has a demo on port 3000 listen on port 8000 too, if that is free; the port that was added.
pub fn listen_too(settings: &mut Settings) -> Option<u16> {
    listen_beside(settings, FIRST, SECOND)
}

fn listen_beside(settings: &mut Settings, first: u16, second: u16) -> Option<u16> {
    let addresses = settings.listen_addresses();
    let has = |port| addresses.iter().any(|address| address.port() == port);
    if !has(first) || has(second) {
        return None;
    }
    let listen = Listen::Port(second);
    // A busy port is no error: nobody asked for this one.
    listen::bind(&listen.addresses(settings.profile)).ok()?;
    settings.server.listen.push(listen);
    Some(second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Profile;

    /// A demo that listens on a port, and what it listens on after it was offered another.
    fn ports(first: u16, offered: (u16, u16)) -> Vec<u16> {
        let mut settings = Settings::of_profile(Profile::Demo);
        settings.server.listen = vec![Listen::Port(first)];
        let added = listen_beside(&mut settings, offered.0, offered.1);
        let mut ports: Vec<u16> = settings
            .listen_addresses()
            .iter()
            .map(std::net::SocketAddr::port)
            .collect();
        ports.dedup();
        assert_eq!(added.is_some(), ports.len() == 2);
        ports
    }

    #[tokio::test]
    async fn a_free_port_is_added_beside_the_known_one_alone() {
        let loopback = "127.0.0.1:0".parse().expect("an address");
        let held = listen::bind(&[loopback]).expect("bound");
        let second = held[0].local_addr().expect("bound").port();
        assert_eq!(ports(3000, (3000, second)), [3000], "it is busy");
        drop(held);
        assert_eq!(ports(3000, (3000, second)), [3000, second]);
        assert_eq!(ports(4000, (3000, second)), [4000]);
        assert_eq!(ports(second, (second, second)), [second]);
    }
}
