//! The archive of finished orders: moving them out, reading them there, putting them back.

mod move_out;
mod put_back;
mod read;
mod statements;

pub use move_out::archive;
pub use put_back::unarchive;
pub use read::{archived, find, has};
