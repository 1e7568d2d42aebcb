//! A message on the wire: CloudEvents 1.0 in binary mode. Attributes stand in the headers of the broker; the body is a
//! JSON object that holds what consumers of the older systems read at that broker, and this system's own event under
//! `data`.
//!
//! Each broker's driver gives the attributes their names there (a prefix), and leaves everything else to this module.

mod attributes;
mod bodies;
mod decode;
mod fault;
mod raw;
#[cfg(test)]
mod tests;

pub use attributes::{PREFIX_KAFKA, name};
pub use bodies::Shape;
pub use decode::{decode, decode_without_data};
pub use fault::{Fault, Place, Unreadable};
pub use raw::RawMessage;

use crate::message::Message;

/// Writes a message for a broker of this shape.
#[must_use]
pub fn encode(message: &Message, shape: Shape) -> RawMessage {
    RawMessage {
        attributes: attributes::of(message),
        body: bodies::of(message, shape, true).into_bytes(),
    }
}

/// Writes a message whose event is too large for the broker: without `data`, and with `dataref`, the address of the
/// event.
#[must_use]
pub fn encode_without_data(message: &Message, shape: Shape, dataref: &str) -> RawMessage {
    let mut attributes = attributes::of(message);
    attributes.insert(name::DATAREF.into(), dataref.into());
    RawMessage {
        attributes,
        body: bodies::of(message, shape, false).into_bytes(),
    }
}
