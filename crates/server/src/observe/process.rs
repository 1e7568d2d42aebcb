//! What the operating system reports about this process and the disk of its data folder.

use std::path::Path;

/// Memory, in bytes; zero if it is unknown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Resident.
    pub used_bytes: u64,
    /// Of the machine.
    pub total_bytes: u64,
}

/// Reads `/proc`; zeros on a system without it.
#[must_use]
pub fn memory() -> Memory {
    let kib = |path: &str, name: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        number.unwrap_or(0) * 1_024
    };
    Memory {
        used_bytes: kib("/proc/self/status", "VmRSS:"),
        total_bytes: kib("/proc/meminfo", "MemTotal:"),
    }
}

/// Room on a file system, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    /// For this process to use; what is kept for root is not counted.
    pub free_bytes: u64,
    pub total_bytes: u64,
}

/// The file system of a folder; `None` if the system does not report it.
#[must_use]
pub fn disk(folder: &Path) -> Option<Disk> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(Disk {
        free_bytes: stat.f_bavail.checked_mul(stat.f_frsize)?,
        total_bytes: stat.f_blocks.checked_mul(stat.f_frsize)?,
    })
}
