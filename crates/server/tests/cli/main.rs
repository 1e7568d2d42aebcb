//! The command line through the front door: the real binary, run as a person or a script runs it.

mod canned;
mod exits;
mod load;
mod output;
mod settings;
mod typed;
mod unreadable;
