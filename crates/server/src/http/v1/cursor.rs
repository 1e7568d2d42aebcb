//! Cursors as callers see them: opaque text that only this server understands.
//!
//! Invariant: a cursor is taken only where one of its kind was given out. One into the log names the store's
//! generation, so that after a restore it is recognised (410) instead of skipping what came anew.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use waybill_domain::client::ClientId;
use waybill_domain::ids::ShipmentId;
use waybill_domain::parked_place::ParkedPlace;
use waybill_domain::stock_place::StockPlace;
use waybill_domain::text::Vendor;
use waybill_store::{Identity, Positions};

use super::codes;
use super::problem::Problem;

/// The longest text that is looked at.
const LONGEST: usize = 1_000;

/// Writes and reads cursors.
pub struct Cursor;

impl Cursor {
    /// A place among the events of one order.
    #[must_use]
    pub fn of_position(store: &Identity, position: i64) -> String {
        write("e", &format!("{}:{position}", store.generation))
    }

    /// Reads a place among the events of one order.
    ///
    /// # Errors
    /// As [`Cursor::positions`].
    pub fn position(store: &Identity, text: &str) -> Result<i64, Problem> {
        let inner = of_this_generation(store, read("e", text)?)?;
        inner.parse().map_err(|_| invalid())
    }

    /// A place in the log.
    #[must_use]
    pub fn of_positions(store: &Identity, positions: &Positions) -> String {
        let each: Vec<String> = positions.0.iter().map(i64::to_string).collect();
        write("l", &format!("{}:{}", store.generation, each.join(",")))
    }

    /// Reads a place in the log.
    ///
    /// # Errors
    /// `invalid_cursor`; `generation_changed` for one from before a restore.
    pub fn positions(store: &Identity, text: &str) -> Result<Positions, Problem> {
        let inner = of_this_generation(store, read("l", text)?)?;
        let positions: Result<Vec<i64>, _> = inner.split(',').map(str::parse).collect();
        let mut positions = positions.map_err(|_| invalid())?;
        let partitions = usize::from(store.partitions);
        if positions.len() > partitions {
            return Err(invalid());
        }
        // A cursor from before the store was moved may have fewer partitions; the new ones are read from their beginning.
        positions.resize(partitions, 0);
        Ok(Positions(positions))
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

    /// A row in a list of stock.
    #[must_use]
    pub fn of_stock(place: &StockPlace) -> String {
        write("s", &place.to_string())
    }

    /// Reads a row in a list of stock.
    ///
    /// # Errors
    /// `invalid_cursor`.
    pub fn stock(text: &str) -> Result<StockPlace, Problem> {
        StockPlace::parse(&decode("s", text)?).ok_or_else(invalid)
    }

    /// A client in a list of clients.
    #[must_use]
    pub fn of_client(id: &ClientId) -> String {
        write("c", id.as_str())
    }

    /// Reads a client in a list.
    ///
    /// # Errors
    /// `invalid_cursor`.
    pub fn client(text: &str) -> Result<ClientId, Problem> {
        ClientId::parse(&read("c", text)?).map_err(|_| invalid())
    }

    /// A vendor in a list of vendors.
    #[must_use]
    pub fn of_vendor(name: &Vendor) -> String {
        write("v", name.as_str())
    }

    /// Reads a vendor in a list.
    ///
    /// # Errors
    /// `invalid_cursor`.
    pub fn vendor(text: &str) -> Result<Vendor, Problem> {
        Vendor::parse(&read("v", text)?).map_err(|_| invalid())
    }

    /// A dead letter in a list of dead letters.
    #[must_use]
    pub fn of_dead_letter(place: &ParkedPlace) -> String {
        write("d", &place.to_string())
    }

    /// Reads a dead letter in a list.
    ///
    /// # Errors
    /// `invalid_cursor`.
    pub fn dead_letter(text: &str) -> Result<ParkedPlace, Problem> {
        ParkedPlace::parse(&read("d", text)?).ok_or_else(invalid)
    }
}

fn write(kind: &str, inner: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{kind}{inner}"))
}

/// A place without the character NUL, which a database may not take.
fn read(kind: &str, text: &str) -> Result<String, Problem> {
    let place = decode(kind, text)?;
    if place.contains('\0') {
        return Err(invalid());
    }
    Ok(place)
}

fn decode(kind: &str, text: &str) -> Result<String, Problem> {
    if text.len() > LONGEST {
        return Err(invalid());
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
    let inner = String::from_utf8(bytes).map_err(|_| invalid())?;
    if let Some(place) = inner.strip_prefix(kind) {
        return Ok(place.to_owned());
    }
    let giver = |kind: &str| GIVERS.iter().find(|(of, _)| *of == kind);
    match (inner.get(..1).and_then(giver), giver(kind)) {
        (Some((_, gave)), Some((_, here))) => {
            let detail = format!("this is a cursor of {gave}; here it has to be one of {here}");
            Err(Problem::new(codes::CURSOR_OF_ANOTHER_LIST, detail).of("after"))
        }
        _ => Err(invalid()),
    }
}

/// By the first letter: where cursors are given out.
const GIVERS: &[(&str, &str)] = &[
    (
        "e",
        "the events of one order (/v1/orders/{id}/events and /stream)",
    ),
    (
        "l",
        "the feed (/v1/events, or the cursor of /v1/orders/snapshot)",
    ),
    (
        "o",
        "the list of orders (/v1/orders, or the next of /v1/orders/snapshot)",
    ),
    ("p", "the list of shipments (/v1/shipments)"),
    ("s", "the list of stock (/v1/stock)"),
    ("d", "the list of dead letters (/v1/dead-letters)"),
    ("c", "the list of clients (/v1/clients)"),
    ("v", "the list of vendors (/v1/vendors)"),
];

/// What follows the generation, if it is the store's.
fn of_this_generation(store: &Identity, inner: String) -> Result<String, Problem> {
    let (generation, place) = inner.rsplit_once(':').ok_or_else(invalid)?;
    if generation != store.generation {
        let detail =
            "the store was restored since this cursor was given out; read again from the start";
        return Err(Problem::new(codes::GENERATION_CHANGED, detail).of("after"));
    }
    Ok(place.to_owned())
}

fn invalid() -> Problem {
    let detail = "send the cursor as it was given out, to the path that gave it out";
    Problem::new(codes::INVALID_CURSOR, detail).of("after")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_from_before_the_store_had_more_parts_goes_on_in_the_first_one() {
        let embedded = Identity {
            partitions: 1,
            ..store("g1")
        };
        let before = Cursor::of_positions(&embedded, &Positions(vec![42]));
        let now = Cursor::positions(&store("g1"), &before).unwrap();
        assert_eq!(now, Positions(vec![42, 0, 0]));
    }

    fn store(generation: &str) -> Identity {
        Identity {
            store_id: "s".into(),
            generation: generation.into(),
            partitions: 3,
            driver: "test",
            one_writer: false,
            former: waybill_store::generations::Former::default(),
        }
    }

    #[test]
    fn a_cursor_reads_back_where_it_was_given_out_and_nowhere_else() {
        let of_order = Cursor::of_position(&store("g1"), 42);
        assert_eq!(Cursor::position(&store("g1"), &of_order).unwrap(), 42);
        let places = Positions(vec![42, 0, 7]);
        let cursor = Cursor::of_positions(&store("g1"), &places);
        assert_eq!(Cursor::positions(&store("g1"), &cursor).unwrap(), places);
        let long = Cursor::of_positions(&store("g1"), &Positions(vec![1, 2, 3, 4]));
        for (bad, code) in [
            (&long, codes::INVALID_CURSOR),
            (&of_order, codes::CURSOR_OF_ANOTHER_LIST),
        ] {
            let refused = Cursor::positions(&store("g1"), bad).unwrap_err();
            assert_eq!(refused.code(), code);
        }
        assert_eq!(
            Cursor::positions(&store("g2"), &cursor).unwrap_err().code(),
            codes::GENERATION_CHANGED
        );
        assert_eq!(
            Cursor::order(&cursor).unwrap_err().code(),
            codes::CURSOR_OF_ANOTHER_LIST
        );
        assert_eq!(Cursor::order(&Cursor::of_order(7)).unwrap(), 7);
        let place = StockPlace::parse("MUG-1\0local").expect("a place");
        assert_eq!(write("s", "MUG-1\0local"), Cursor::of_stock(&place));
        assert_eq!(Cursor::stock(&Cursor::of_stock(&place)).unwrap(), place);
        assert!(Cursor::stock(&write("s", "a\0b\0c")).is_err());
        let place = ParkedPlace::parse("status/0198c0de-0000-7000-8000-000000000001");
        let place = place.expect("a place");
        let cursor = Cursor::of_dead_letter(&place);
        assert_eq!(Cursor::dead_letter(&cursor).unwrap(), place);
        for bad in [
            "",
            "status",
            "status/7",
            "st\0us/0198c0de-0000-7000-8000-000000000001",
        ] {
            let refused = Cursor::dead_letter(&write("d", bad)).unwrap_err();
            assert_eq!(refused.code(), codes::INVALID_CURSOR, "{bad}");
        }
        for bad in ["", "7", "é", "bDox", &"A".repeat(2_000)] {
            assert!(Cursor::positions(&store("g1"), bad).is_err(), "{bad}");
        }
    }
}
