//! Cursors as callers see them: opaque text that only this server understands.
//!
//! Invariant: a cursor is taken only where one of its kind was given out. One into the log names the store's
//! generation, so that after a restore it is recognised (410) instead of skipping what came anew.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use waybill_domain::ids::ShipmentId;
use waybill_store::Identity;

use super::codes;
use super::problem::Problem;

/// The longest text that is looked at.
const LONGEST: usize = 1_000;

/// Writes and reads cursors.
pub struct Cursor;

impl Cursor {
    /// A place in the log.
    #[must_use]
    pub fn of_position(store: &Identity, position: i64) -> String {
        write("l", &format!("{}:{position}", store.generation))
    }

    /// Reads a place in the log.
    ///
    /// # Errors
    /// `invalid_cursor`; `generation_changed` for one from before a restore.
    pub fn position(store: &Identity, text: &str) -> Result<i64, Problem> {
        let inner = read("l", text)?;
        let (generation, position) = inner.rsplit_once(':').ok_or_else(invalid)?;
        let position = position.parse().map_err(|_| invalid())?;
        if generation != store.generation {
            let detail =
                "the store was restored since this cursor was given out; read again from the start";
            return Err(Problem::new(codes::GENERATION_CHANGED, detail).of("after"));
        }
        Ok(position)
    }

    /// An order in a list of orders.
    #[must_use]
    pub fn of_order(number: i64) -> String {
        write("o", &number.to_string())
    }

    /// Reads an order in a list.
    ///
    /// # Errors
    /// `invalid_cursor`.
    pub fn order(text: &str) -> Result<i64, Problem> {
        read("o", text)?.parse().map_err(|_| invalid())
    }

    /// A shipment in a list of shipments.
    #[must_use]
    pub fn of_shipment(id: ShipmentId) -> String {
        write("p", &id.to_string())
    }

    /// Reads a shipment in a list.
    ///
    /// # Errors
    /// `invalid_cursor`.
    pub fn shipment(text: &str) -> Result<ShipmentId, Problem> {
        ShipmentId::parse(&read("p", text)?).ok_or_else(invalid)
    }

    /// A sku in a list of stock.
    #[must_use]
    pub fn of_sku(sku: &str) -> String {
        write("s", sku)
    }

    /// Reads a sku in a list.
    ///
    /// # Errors
    /// `invalid_cursor`.
    pub fn sku(text: &str) -> Result<String, Problem> {
        read("s", text)
    }

    /// A dead letter in a list of dead letters.
    #[must_use]
    pub fn of_dead_letter(place: &str) -> String {
        write("d", place)
    }

    /// Reads a dead letter in a list.
    ///
    /// # Errors
    /// `invalid_cursor`.
    pub fn dead_letter(text: &str) -> Result<String, Problem> {
        read("d", text)
    }
}

fn write(kind: &str, inner: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{kind}{inner}"))
}

fn read(kind: &str, text: &str) -> Result<String, Problem> {
    if text.len() > LONGEST {
        return Err(invalid());
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
    let inner = String::from_utf8(bytes).map_err(|_| invalid())?;
    inner
        .strip_prefix(kind)
        .filter(|inner| !inner.contains('\0'))
        .map(str::to_owned)
        .ok_or_else(invalid)
}

fn invalid() -> Problem {
    let detail = "send the cursor as it was given out, to the path that gave it out";
    Problem::new(codes::INVALID_CURSOR, detail).of("after")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(generation: &str) -> Identity {
        Identity {
            store_id: "s".into(),
            generation: generation.into(),
            parts: 1,
            driver: "test",
        }
    }

    #[test]
    fn a_cursor_reads_back_where_it_was_given_out_and_nowhere_else() {
        let cursor = Cursor::of_position(&store("g1"), 42);
        assert_eq!(Cursor::position(&store("g1"), &cursor).unwrap(), 42);
        assert_eq!(
            Cursor::position(&store("g2"), &cursor).unwrap_err().code(),
            codes::GENERATION_CHANGED
        );
        assert_eq!(
            Cursor::order(&cursor).unwrap_err().code(),
            codes::INVALID_CURSOR
        );
        assert_eq!(Cursor::order(&Cursor::of_order(7)).unwrap(), 7);
        for bad in ["", "7", "é", "bDox", &"A".repeat(2_000)] {
            assert!(Cursor::position(&store("g1"), bad).is_err(), "{bad}");
        }
    }
}
