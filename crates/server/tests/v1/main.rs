//! `/v1` through the front door: the real binary on a free port, spoken to as any client would.

mod bounds;
mod changes;
mod commands_once;
mod contract;
mod crowd;
mod dead_letters;
mod flood;
mod free_json;
mod front;
mod moved;
mod paging;
mod poisoned;
mod preconditions;
mod problems;
mod reading;
mod reconcile;
mod refusals;
mod restore;
mod round_trip;
mod scopes;
mod shop;
mod snapshot;
mod stream;
mod tenants;
mod values;
mod verify;
