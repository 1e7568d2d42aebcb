//! The command line through the front door: the real binary, run as a person or a script runs it.

mod another_user;
mod canned;
mod clients;
mod contexts;
mod data_folder;
mod debug_output;
mod exits;
mod load;
mod orders;
mod output;
mod settings;
mod shop;
mod tokens;
mod typed;
mod unreadable;
