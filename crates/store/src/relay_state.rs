//! What the relay keeps in `meta`: the keys and the form of the values, the same in both drivers.

use crate::encoding::json;
use crate::error::{Error, Result};
use crate::model::{
    Positions, RelayCommand, RelayFault, RelayNote, RelayPause, RelayState, Replay, ReplayProgress,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use waybill_domain::ids::OrderId;
use waybill_domain::time::Time;

/// Where the relay began: a JSON list with a position for each partition.
pub const START: &str = "relay.start";
/// The pause: since when, by whom, why; `null` when the relay runs.
const PAUSE: &str = "relay.pause";
/// The newest replay.
const REPLAY: &str = "relay.replay";
/// Followed by the number of a partition: how far a replay has come there.
const PROGRESS: &str = "relay.replay.at.";
const PUBLISHER: &str = "relay.publisher";
const FAULT: &str = "relay.fault";

/// All keys of the relay, sorted by their bytes: from the first text to before the second one.
pub const KEYS: [&str; 2] = ["relay.", "relay/"];

/// What a store that is moved takes along. A replay is left behind.
pub const MOVED: [&str; 2] = [START, PAUSE];

/// A key and the value to be written under it.
pub type Entry = (String, String);

#[derive(Serialize, Deserialize)]
struct StoredPause {
    since: i64,
    by: String,
    reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredReplay {
    id: Uuid,
    requested_at: i64,
    by: String,
    after: Vec<i64>,
    to: Vec<i64>,
    order: Option<OrderId>,
}

#[derive(Serialize, Deserialize)]
struct StoredProgress {
    replay: Uuid,
    at: i64,
    sent: u64,
    left_out: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredFault {
    at: i64,
    text: String,
}

/// Encodes the positions at which the relay began.
pub fn write_start(start: &Positions) -> String {
    json(&start.0)
}

/// Decodes the positions at which the relay began. A log with more partitions than the list began at 0 in the others:
/// the store was moved into it.
pub fn read_start(text: &str) -> Result<Positions> {
    read(START, text).map(Positions)
}

/// What a command writes.
pub fn of_command(command: &RelayCommand) -> Entry {
    match command {
        RelayCommand::Pause(pause) => {
            let stored = StoredPause {
                since: pause.since.0,
                by: pause.by.clone(),
                reason: pause.reason.clone(),
            };
            (PAUSE.into(), json(&stored))
        }
        RelayCommand::Resume => (PAUSE.into(), json(&None::<StoredPause>)),
        RelayCommand::Replay(replay) => {
            let stored = StoredReplay {
                id: replay.id,
                requested_at: replay.requested_at.0,
                by: replay.by.clone(),
                after: replay.after.0.clone(),
                to: replay.to.0.clone(),
                order: replay.order,
            };
            (REPLAY.into(), json(&stored))
        }
    }
}

/// What a note writes.
pub fn of_note(note: &RelayNote) -> Entry {
    match note {
        RelayNote::Publisher(name) => (PUBLISHER.into(), json(name)),
        RelayNote::Fault(fault) => {
            let stored = StoredFault {
                at: fault.at.0,
                text: fault.text.clone(),
            };
            (FAULT.into(), json(&stored))
        }
    }
}

/// What the progress of a replay writes.
pub fn of_progress(progress: &ReplayProgress) -> Entry {
    let stored = StoredProgress {
        replay: progress.replay,
        at: progress.at,
        sent: progress.sent,
        left_out: progress.left_out,
    };
    (format!("{PROGRESS}{}", progress.partition), json(&stored))
}

/// Decodes everything that is kept; keys of a newer version are left out.
pub fn read_state(entries: Vec<Entry>) -> Result<RelayState> {
    let mut state = RelayState::default();
    for (key, text) in entries {
        match key.as_str() {
            START => state.start = Some(read_start(&text)?),
            PAUSE => state.pause = read::<Option<StoredPause>>(PAUSE, &text)?.map(pause),
            REPLAY => state.replay = Some(replay(read(REPLAY, &text)?)),
            PUBLISHER => state.publisher = Some(read(PUBLISHER, &text)?),
            FAULT => {
                let StoredFault { at, text } = read(FAULT, &text)?;
                state.last_fault = Some(RelayFault { at: Time(at), text });
            }
            other => {
                // No error: other keys of the relay belong to later versions.
                let partition = other.strip_prefix(PROGRESS).and_then(|n| n.parse().ok());
                if let Some(partition) = partition {
                    state
                        .progress
                        .push(progress(partition, read(other, &text)?));
                }
            }
        }
    }
    state.progress.sort_by_key(|p| p.partition);
    Ok(state)
}

fn pause(stored: StoredPause) -> RelayPause {
    RelayPause {
        since: Time(stored.since),
        by: stored.by,
        reason: stored.reason,
    }
}

fn replay(stored: StoredReplay) -> Replay {
    Replay {
        id: stored.id,
        requested_at: Time(stored.requested_at),
        by: stored.by,
        after: Positions(stored.after),
        to: Positions(stored.to),
        order: stored.order,
    }
}

fn progress(partition: u16, stored: StoredProgress) -> ReplayProgress {
    ReplayProgress {
        replay: stored.replay,
        partition,
        at: stored.at,
        sent: stored.sent,
        left_out: stored.left_out,
    }
}

fn read<T: for<'de> Deserialize<'de>>(key: &str, text: &str) -> Result<T> {
    let read = serde_json::from_str(text);
    read.map_err(|_| Error::damaged_row("meta", format!("{key} is {text}")))
}
