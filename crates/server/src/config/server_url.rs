//! The address of a server as a URL with a login: of PostgreSQL, of Redis.

/// The parts of a URL, decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerUrl {
    pub user: Option<String>,
    pub password: Option<String>,
    pub host: String,
    pub port: Option<u16>,
    /// What stands after the first slash: the name or number of a database.
    pub name: String,
}

impl ServerUrl {
    /// Reads a URL that begins with one of `schemes`, such as `redis://`; parameters after `?` are left to the driver.
    #[must_use]
    pub fn parse(url: &str, schemes: &[&str]) -> Option<Self> {
        let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme))?;
        let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
        let (authority, name) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, address) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(decode(password)?)),
            None => (login, None),
        };
        let (host, port) = match address.rsplit_once(':') {
            // The colons of an IPv6 address stand in brackets.
            Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
            _ => (address, None),
        };
        let user = Some(decode(user)?).filter(|user| !user.is_empty());
        (!host.is_empty()).then(|| Self {
            user,
            password,
            host: host.to_owned(),
            port,
            name: name.to_owned(),
        })
    }
}

/// Text as it may stand in the login of a URL.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_urls_are_not_understood() {
        for text in [
            "mysql://h/x",
            "postgres://",
            "postgres://h:port/x",
            "h/x",
            "postgres://u:%zz@h/x",
        ] {
            assert_eq!(ServerUrl::parse(text, &["postgres://"]), None, "{text}");
        }
        let loopback = ServerUrl::parse("postgres://[::1]:5432/x", &["postgres://"]);
        assert!(loopback.is_some_and(|url| url.host == "[::1]"));
    }

    #[test]
    fn a_login_reads_back() {
        let login = encode("p@:/%");
        let read = ServerUrl::parse(&format!("redis://:{login}@h"), &["redis://"]);
        let read = read.expect("a URL");
        assert_eq!((read.user, read.port), (None, None));
        assert_eq!(read.password.as_deref(), Some("p@:/%"));
    }
}
