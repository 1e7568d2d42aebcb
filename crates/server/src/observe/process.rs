//! What the operating system says about this process.

/// Memory, in bytes; zero where it cannot be told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Resident.
    pub used_bytes: u64,
    /// Of the machine.
    pub total_bytes: u64,
}

/// Reads `/proc`; a system without it tells nothing.
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
