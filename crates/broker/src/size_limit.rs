//! Events that are larger than a broker's messages may be.

use crate::message::Message;
use crate::wire::{self, RawMessage, Shape};

/// What a broker's messages may hold.
#[derive(Clone, Copy, Debug)]
pub struct SizeLimit<'a> {
    pub shape: Shape,
    /// Bytes of a message, as the broker counts them.
    pub bytes: usize,
    /// The address of this service's `/v1`, for events that are larger; empty when they cannot be sent.
    pub dataref: &'a str,
}

impl SizeLimit<'_> {
    /// Writes a message with `write`, which also gives its size in bytes; one that is too large goes without its body
    /// and with the address of its event.
    ///
    /// # Errors
    /// It is too large without its body too, or has no address, or `write` failed: the broker will never take it.
    pub fn write<W>(
        &self,
        message: &Message,
        write: impl Fn(&RawMessage) -> Result<(W, usize), String>,
    ) -> Result<W, String> {
        let limit = self.bytes;
        let (written, size) = write(&wire::encode(message, self.shape))?;
        if size <= limit {
            return Ok(written);
        }
        if self.dataref.is_empty() {
            return Err(format!(
                "the event has {size} bytes and a message at most {limit}: set broker.public_url, so that it can go without its body"
            ));
        }
        let list = format!("{}/v1/orders/{}/events", self.dataref, message.key());
        let dataref = format!("{list}#{}", message.event.event.id);
        let raw = wire::encode_without_data(message, self.shape, &dataref);
        let (written, size) = write(&raw)?;
        if size <= limit {
            return Ok(written);
        }
        Err(format!(
            "without its body the event still has {size} bytes, and a message at most {limit}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Source;
    use crate::test_events::events;
    use crate::wire::name;

    fn written(bytes: usize, dataref: &str) -> Result<RawMessage, String> {
        let mut event = events(1..=1).remove(0);
        event.event.body = format!("{{\"note\":\"{}\"}}", "x".repeat(5_000)).into();
        let message = Message {
            source: Source {
                store_id: "a".into(),
                generation: "1".into(),
            },
            event,
            filler: false,
            personal: None,
            resend: None,
        };
        let limit = SizeLimit {
            shape: Shape::Kafka,
            bytes,
            dataref,
        };
        limit.write(&message, |raw| Ok((raw.clone(), raw.size())))
    }

    #[test]
    fn only_an_event_that_is_too_large_goes_without_its_body() {
        let whole = written(10_000, "http://orders").expect("it fits");
        assert_eq!(whole.attribute(name::DATAREF), None);
        let without = written(5_000, "http://orders").expect("it fits without its body");
        let id = "00000000-0000-0000-0000-000000000001";
        let expected = format!("http://orders/v1/orders/{id}/events#{id}");
        assert_eq!(without.attribute(name::DATAREF), Some(&*expected));
        assert!(without.size() < 5_000);
    }

    #[test]
    fn what_never_fits_says_why() {
        let without_address = written(5_000, "").expect_err("there is no address");
        assert!(
            without_address.contains("broker.public_url"),
            "{without_address}"
        );
        let too_small = written(100, "http://orders").expect_err("attributes remain");
        assert!(too_small.starts_with("without its body"), "{too_small}");
    }
}
