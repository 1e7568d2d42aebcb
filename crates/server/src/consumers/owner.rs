//! The name of a process on the leases it takes: the machine, the process, and an id that no other process ever has.

use std::fmt;

use uuid::Uuid;

/// Characters of a machine's name that are kept.
const HOST_CHARS: usize = 64;

/// A process that takes leases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub host: String,
    pub pid: u32,
    /// Its first bits are the time of the start.
    pub id: Uuid,
}

impl Owner {
    /// The owner that this process is from now on.
    #[must_use]
    pub fn of_this_process(id: Uuid) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self {
            host: plain(&host),
            pid: std::process::id(),
            id,
        }
    }

    /// Reads a name; `None` for one that was given by another version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut partitions = text.splitn(3, '/');
        Some(Self {
            host: partitions.next()?.to_owned(),
            pid: partitions.next()?.parse().ok()?,
            id: partitions.next()?.parse().ok()?,
        })
    }

    /// When the process started, in milliseconds since 1970.
    #[must_use]
    pub fn started_ms(&self) -> i64 {
        // The time of a UUIDv7 is its first 48 bits (RFC 9562 section 5.7), which an i64 holds.
        (self.id.as_u128() >> 80) as i64
    }

    /// Machine and process, for a person.
    #[must_use]
    pub fn short(&self) -> String {
        format!("{}/{}", self.host, self.pid)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.host, self.pid, self.id)
    }
}

/// The name of a process as a person reads it; a name of another version as it stands.
#[must_use]
pub fn short(name: &str) -> String {
    Owner::parse(name).map_or_else(|| name.to_owned(), |owner| owner.short())
}

fn plain(host: &str) -> String {
    let kept = host
        .trim()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || ".-_".contains(*c));
    let kept: String = kept.take(HOST_CHARS).collect();
    if kept.is_empty() {
        "unknown".into()
    } else {
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_and_says_when_the_process_started() {
        let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
        let owner = Owner::of_this_process(id);
        assert_eq!(Owner::parse(&owner.to_string()), Some(owner.clone()));
        assert_eq!(owner.started_ms(), 0x0190_0000_0000);
        assert_eq!(
            short(&owner.to_string()),
            format!("{}/{}", owner.host, owner.pid)
        );
    }

    #[test]
    fn a_name_of_another_version_is_shown_as_it_stands() {
        assert_eq!(short("4242-01900000"), "4242-01900000");
        assert_eq!(plain(" web/1\n"), "web1");
        assert_eq!(plain(""), "unknown");
    }
}
