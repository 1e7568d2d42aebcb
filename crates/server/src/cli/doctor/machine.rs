//! The machine: ports, open files, room on the disk.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};

use super::check::Check;
use crate::cli::health;
use crate::config::Settings;
use crate::http::descriptors::OTHER_FILES;
use crate::http::listen;
use crate::observe::process;

/// Below this free space `doctor` warns; below the next constant it reports a fault.
const LITTLE_ROOM_BYTES: u64 = 2 << 30;
const NO_ROOM_BYTES: u64 = 100 << 20;
/// How long a process that listens on the configured port may take to answer a health request.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Looks at the machine.
pub async fn look(settings: &Settings) -> Vec<Check> {
    let mut checks = vec![ports(&settings.listen_addresses()).await, files(settings)];
    checks.extend(disk(settings));
    checks
}

async fn ports(addresses: &[SocketAddr]) -> Check {
    const NAME: &str = "ports";
    let Err(error) = listen::bind(addresses) else {
        let each: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        return Check::ok(NAME, format!("{} can be listened on", each.join(", ")));
    };
    let mut address = error.address;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    match health::ask(&format!("http://{address}"), true, ANSWER_WITHIN).await {
        Ok((status, word)) if status.is_success() && word == "alive" => {
            Check::ok(NAME, format!("a Waybill answers at {address}"))
        }
        Ok(_) | Err(_) => {
            let advice = "stop who has it, or choose another address with --listen";
            Check::bad(NAME, format!("{}: {}", error.address, error.source), advice)
        }
    }
}

fn files(settings: &Settings) -> Check {
    const NAME: &str = "files";
    // A server raises its limit as far as it may.
    let limit = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let wanted = u64::from(settings.server.max_connections) + OTHER_FILES;
    if limit < wanted {
        let found = format!("{limit} open files are allowed, {wanted} may be wanted");
        let advice = format!(
            "raise it (ulimit -Hn {wanted}, LimitNOFILE= in systemd), or lower server.max_connections, which is {}",
            settings.server.max_connections
        );
        return Check::warn(NAME, found, advice);
    }
    Check::ok(NAME, format!("{limit} open files are allowed"))
}

fn disk(settings: &Settings) -> Option<Check> {
    const NAME: &str = "disk";
    if settings.database_url().is_some() {
        return None;
    }
    let data = Path::new(&settings.store.data);
    let there = data.ancestors().find(|folder| folder.exists())?;
    let room = process::disk(there)?;
    let found = format!(
        "{} MiB free of {} MiB under {}",
        room.free_bytes >> 20,
        room.total_bytes >> 20,
        data.display()
    );
    let advice =
        "make room or move the data folder: a full disk refuses orders (507) and loses none";
    Some(match room.free_bytes {
        bytes if bytes < NO_ROOM_BYTES => Check::bad(NAME, found, advice),
        bytes if bytes < LITTLE_ROOM_BYTES => Check::warn(NAME, found, advice),
        _ => Check::ok(NAME, found),
    })
}
