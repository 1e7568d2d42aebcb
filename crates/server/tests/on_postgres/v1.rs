//! Of `v1`, all but `restore`.

#[path = "../v1/archive.rs"]
mod archive;
#[path = "../v1/changes.rs"]
mod changes;
#[path = "../v1/clients.rs"]
mod clients;
#[path = "../v1/combined_turns.rs"]
mod combined_turns;
#[path = "../v1/commands_once.rs"]
mod commands_once;
#[path = "../v1/contract.rs"]
mod contract;
#[path = "../v1/crowd.rs"]
mod crowd;
#[path = "../v1/dead_letters.rs"]
mod dead_letters;
#[path = "../v1/flood.rs"]
mod flood;
#[path = "../v1/free_json.rs"]
mod free_json;
#[path = "../v1/front.rs"]
mod front;
#[path = "../v1/packed_rows.rs"]
mod packed_rows;
#[path = "../v1/paging.rs"]
mod paging;
#[path = "../v1/poisoned.rs"]
mod poisoned;
#[path = "../v1/preconditions.rs"]
mod preconditions;
#[path = "../v1/problems.rs"]
mod problems;
#[path = "../v1/reading.rs"]
mod reading;
#[path = "../v1/refusals.rs"]
mod refusals;
#[path = "../v1/round_trip.rs"]
mod round_trip;
#[path = "../v1/samples.rs"]
mod samples;
#[path = "../v1/scopes.rs"]
mod scopes;
#[path = "../v1/stream.rs"]
mod stream;
#[path = "../v1/tenants.rs"]
mod tenants;
#[path = "../v1/values.rs"]
mod values;
#[path = "../v1/verify.rs"]
mod verify;
#[path = "../v1/websocket.rs"]
mod websocket;
