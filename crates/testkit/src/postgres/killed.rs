//! Kills all processes of a server at once, as a crash of its machine would: none writes anything more.
//!
//! Owns the killing and what it leaves in the system: a shared memory segment, which a start on the same
//! data would remove, and which nothing would if the data go with the test.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::guarded::{Account, Guarded};

const GONE_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(2);

/// Kills the first process and its children, and waits until they are gone.
pub(super) fn kill(process: &mut Guarded, status: &Path, account: Option<Account>) -> Result<()> {
    let segment = shared_memory(status);
    // Frozen, it starts no more children while they are counted.
    process.signal(Signal::STOP)?;
    let children = children(process.pid());
    process.signal(Signal::KILL)?;
    for child in &children {
        // It may have ended meanwhile.
        let _ = kill_process(*child, Signal::KILL);
    }
    process.wait()?;
    let began = Instant::now();
    while children.iter().any(|child| lives(*child)) {
        ensure!(
            began.elapsed() < GONE_WITHIN,
            "killed processes are still there"
        );
        std::thread::sleep(POLL);
    }
    if let Some(segment) = segment {
        // If the removal fails, a small segment is left in the system.
        let mut command = Account::command(account, "ipcrm");
        let _ = command.args(["--shmem-id", &segment]).output();
    }
    Ok(())
}

/// The seventh line of the status file: the segment's key and id.
fn shared_memory(status: &Path) -> Option<String> {
    let text = std::fs::read_to_string(status).ok()?;
    let mut line = text.lines().nth(6)?.split_whitespace();
    line.nth(1).map(Into::into)
}

/// The processes that a process has started.
pub(super) fn children(parent: Pid) -> Vec<Pid> {
    let output = Command::new("ps")
        .args(["-A", "-o", "pid=", "-o", "ppid="])
        .output();
    let Ok(output) = output else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let pairs = text.lines().filter_map(|line| {
        let mut numbers = line.split_whitespace().map(str::parse::<i32>);
        let (pid, ppid) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        (ppid == parent.as_raw_nonzero().get()).then_some(pid)
    });
    pairs.filter_map(Pid::from_raw).collect()
}

/// A zombie counts as gone, because it does nothing more.
fn lives(process: Pid) -> bool {
    let stat = format!("/proc/{}/stat", process.as_raw_nonzero());
    let stat = std::fs::read_to_string(stat).unwrap_or_default();
    // The name in parentheses may hold anything; the state comes after it.
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}
