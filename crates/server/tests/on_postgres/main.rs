//! The tests of `v1`, the contracts of the three dialects, `bad_input` and `vendors` once more, each against a server whose store
//! is a PostgreSQL database of its own: the same files, so that there are as many on both stores. `v1/restore.rs` is not
//! among them: it is about the files of the embedded store. `reads` is here alone: only here can a read be kept waiting.

#[path = "../aggregator_contract/main.rs"]
mod aggregator_contract;
#[path = "../bad_input/main.rs"]
mod bad_input;
mod reads;
#[path = "../sales_contract/main.rs"]
mod sales_contract;
#[path = "../services_contract/main.rs"]
mod services_contract;
#[path = "../v1/shop.rs"]
mod shop;
mod v1;
#[path = "../vendors/main.rs"]
mod vendors;
