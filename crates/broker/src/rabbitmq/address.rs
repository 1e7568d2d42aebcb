//! The broker's address, and how it is shown without its password.

use super::error::RabbitMqError;
use lapin::uri::{AMQPScheme, AMQPUri};
use std::fmt;

/// Seconds between heartbeats when the address names none: a broker that vanished is noticed within twice that.
const HEARTBEAT_SECONDS: u16 = 10;

/// A broker, a vhost of it, and who we are there.
#[derive(Clone)]
pub struct Address {
    uri: AMQPUri,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// It is none, or asks for TLS. The text does not repeat it, because it has a password.
    pub fn parse(url: &str) -> Result<Self, RabbitMqError> {
        let mut uri: AMQPUri = url.parse().map_err(|_| RabbitMqError::NoAddress)?;
        if uri.scheme == AMQPScheme::AMQPS {
            return Err(RabbitMqError::Tls);
        }
        // `amqp://host/` means a vhost without a name to the protocol, and the vhost `/` to everyone who writes it.
        if uri.vhost.is_empty() {
            uri.vhost = "/".into();
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        Ok(Self { uri })
    }

    pub fn uri(&self) -> AMQPUri {
        self.uri.clone()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.uri.authority;
        write!(
            f,
            "{}:{}, user {}, vhost {}",
            authority.host, authority.port, authority.userinfo.username, self.uri.vhost
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        match Address::parse(url) {
            Ok(address) => address.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        let shown = shown("amqp://u:secret@h:5673/orders");
        assert_eq!(shown, "h:5673, user u, vhost orders");
    }

    #[test]
    fn a_missing_vhost_is_the_default_one() {
        for url in ["amqp://h", "amqp://h/", "amqp://h/%2f"] {
            assert_eq!(shown(url), "h:5672, user guest, vhost /");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_repeating_it() {
        for url in ["", "secret", "http://u:secret@h", "amqps://u:secret@h"] {
            assert!(Address::parse(url).is_err(), "{url}");
            assert!(!shown(url).contains("secret"), "{url}");
        }
        assert!(shown("amqps://h").contains("amqps"));
    }
}
