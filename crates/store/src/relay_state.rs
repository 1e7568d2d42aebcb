//! What the relay keeps in `meta`: the keys and the form of the values, the same in both drivers.

use crate::error::{Error, Result};
use crate::model::Positions;

/// Where the relay began: a JSON list with a position for each partition.
pub const START: &str = "relay.start";
/// Whether the relay is paused: `true` or `false`.
pub const PAUSED: &str = "relay.paused";

/// Everything that the relay keeps; a store that is moved takes it along.
pub const KEYS: [&str; 2] = [START, PAUSED];

/// Encodes the positions at which the relay began.
pub fn write_start(start: &Positions) -> String {
    crate::encoding::json(&start.0)
}

/// Decodes the positions at which the relay began. A log with more partitions than the list began at 0 in the others:
/// the store was moved into it.
pub fn read_start(text: &str) -> Result<Positions> {
    let read = serde_json::from_str(text).map(Positions);
    read.map_err(|_| Error::damaged_row("meta", format!("{START} is {text}")))
}

/// Encodes the flag.
pub fn write_paused(paused: bool) -> String {
    paused.to_string()
}

/// Decodes the flag; a store without one is not paused.
pub fn read_paused(text: Option<&str>) -> Result<bool> {
    let Some(text) = text else { return Ok(false) };
    let read = text.parse();
    read.map_err(|_| Error::damaged_row("meta", format!("{PAUSED} is {text}")))
}
