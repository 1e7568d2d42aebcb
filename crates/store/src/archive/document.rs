//! An order's rows as one document: JSON, compressed. It names tables and columns, so that it can be read without this
//! program.

use super::tables::ORDER_TABLES;
use crate::error::{Error, Result};
use crate::moving::{Kind, Table, Value};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use waybill_domain::status::OrderStatus;
use waybill_domain::text::Vendor;

/// A document longer than this is not one of ours: an order has at most a thousand lines.
const LONGEST: u64 = 256 << 20;

/// Column by name; those that are null are left out.
pub(super) type Row = Map<String, Json>;

/// The rows of one order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// The schema whose columns these are.
    pub schema: i64,
    /// The rows, by table.
    pub rows: BTreeMap<String, Vec<Row>>,
}

/// Units that left a stock row with an order: tenant, sku, vendor, and how many.
pub type Consumed = BTreeMap<(String, String, String), i64>;

impl Document {
    /// Takes a row in.
    pub fn add(&mut self, table: &Table, row: &[Value]) {
        let cells = table.columns.iter().zip(row);
        let cells =
            cells.filter_map(|(column, value)| Some((column.name.to_owned(), cell(value)?)));
        let rows = self.rows.entry(table.name.to_owned()).or_default();
        rows.push(cells.collect());
    }

    /// The bytes that are stored: JSON in zlib's format (RFC 1950), which has a checksum.
    ///
    /// # Errors
    /// None that can happen: it is written into memory.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut encoder = ZlibEncoder::new(vec![], Compression::default());
        let json = serde_json::to_vec(self).map_err(unwritten)?;
        encoder.write_all(&json).map_err(unwritten)?;
        encoder.finish().map_err(unwritten)
    }

    /// Reads what [`Document::encode`] has written.
    ///
    /// # Errors
    /// [`Error::DamagedRow`]: the bytes are damaged, or of a version that this one does not know.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut json = vec![];
        let decoded = ZlibDecoder::new(bytes).take(LONGEST).read_to_end(&mut json);
        decoded.map_err(|e| damaged(e.to_string()))?;
        let document: Self = serde_json::from_slice(&json).map_err(|e| damaged(e.to_string()))?;
        let known = crate::migrations::known();
        if document.schema > known {
            let schema = document.schema;
            let newer = format!("it is of schema {schema}, this version knows {known}");
            return Err(damaged(newer));
        }
        Ok(document)
    }

    /// A table's rows as values, column by column.
    ///
    /// # Errors
    /// [`Error::DamagedRow`]: a cell is not of its column's type.
    pub fn values(&self, table: &Table) -> Result<Vec<Vec<Value>>> {
        let rows = self.rows.get(table.name).map_or(&[][..], Vec::as_slice);
        let row = |row: &Row| {
            let columns = table.columns.iter();
            let cells = columns.map(|column| {
                let read = value(column.kind, row.get(column.name));
                read.ok_or_else(|| {
                    damaged(format!("{}.{} is of another type", table.name, column.name))
                })
            });
            cells.collect()
        };
        rows.iter().map(row).collect()
    }

    /// A table's rows as JSON text.
    #[must_use]
    pub fn text_of(&self, table: &Table) -> Option<String> {
        self.rows
            .get(table.name)
            .map(|rows| json!(rows).to_string())
    }

    /// A cell of the order's own row, as text.
    ///
    /// # Errors
    /// [`Error::DamagedRow`]: there is no such row, or more than one.
    pub fn of_order(&self, column: &str) -> Result<String> {
        let rows = self.rows.get("orders").map_or(&[][..], Vec::as_slice);
        let [row] = rows else {
            return Err(damaged(format!("it has {} rows of orders", rows.len())));
        };
        match row.get(column) {
            Some(Json::String(text)) => Ok(text.clone()),
            Some(other) => Ok(other.to_string()),
            None => Err(damaged(format!("its order has no {column}"))),
        }
    }

    /// The order's status.
    ///
    /// # Errors
    /// [`Error::DamagedRow`]: there is none, or it is none.
    pub fn status(&self) -> Result<OrderStatus> {
        let status = self.of_order("status")?;
        let known = OrderStatus::parse(&status);
        known.ok_or_else(|| damaged(format!("its status is {status}")))
    }

    /// A number in the order's own row.
    ///
    /// # Errors
    /// [`Error::DamagedRow`]: there is none, or it is none.
    pub fn number(&self, column: &str) -> Result<i64> {
        let text = self.of_order(column)?;
        text.parse()
            .map_err(|error| damaged(format!("its {column} is {text}")).because(error))
    }

    /// The position of its last event; 0 without events.
    ///
    /// # Errors
    /// [`Error::DamagedRow`]: one is no number.
    pub fn last_position(&self) -> Result<i64> {
        let rows = self.rows.get("events").into_iter().flatten();
        let positions = rows.map(|row| row.get("position").and_then(Json::as_i64));
        let last = positions.max().unwrap_or(Some(0));
        last.ok_or_else(|| damaged("an event has no position".into()))
    }

    /// The units that left stock with this order: ours when they shipped, a vendor's when it agreed.
    ///
    /// # Errors
    /// [`Error::DamagedRow`]: a reservation cannot be read.
    pub fn consumed(&self) -> Result<Consumed> {
        let mut consumed = Consumed::new();
        #[cfg(feature = "planted-defects")]
        if crate::defects::loses_archived_units() {
            return Ok(consumed);
        }
        for row in self.rows.get("reservations").into_iter().flatten() {
            let text = |column: &str| {
                let cell = row.get(column).and_then(Json::as_str);
                cell.map(str::to_owned).ok_or_else(|| unread(column))
            };
            let number = |column: &str| {
                let cell = row.get(column).and_then(Json::as_i64);
                cell.ok_or_else(|| unread(column))
            };
            let vendor = text("vendor")?;
            let units = if vendor == Vendor::LOCAL {
                number("consumed")?
            } else if row.contains_key("agreed_at") {
                number("quantity")?
            } else {
                0
            };
            if units != 0 {
                let key = (text("tenant")?, text("sku")?, vendor);
                *consumed.entry(key).or_default() += units;
            }
        }
        Ok(consumed)
    }

    /// Refuses a document with rows of a table that this version does not know.
    ///
    /// # Errors
    /// [`Error::DamagedRow`].
    pub fn refuse_unknown(&self) -> Result<()> {
        let known = |name: &String| ORDER_TABLES.iter().any(|(table, _)| table.name == name);
        match self.rows.keys().find(|name| !known(name)) {
            None => Ok(()),
            Some(name) => Err(damaged(format!("it has rows of {name}"))),
        }
    }
}

pub(super) fn damaged(detail: String) -> Error {
    Error::damaged_row("an archived order", detail)
}

fn unread(column: &str) -> Error {
    damaged(format!("the {column} of a reservation cannot be read"))
}

fn unwritten(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::damaged_row("an order", "it cannot be written as a document").because(error)
}

/// A cell as JSON; `None` for null. Bytes are hexadecimal after `\x`, as PostgreSQL writes them.
fn cell(value: &Value) -> Option<Json> {
    match value {
        Value::Small(v) => v.map(Json::from),
        Value::Int(v) => v.map(Json::from),
        Value::Big(v) => v.map(Json::from),
        Value::Bool(v) => v.map(Json::from),
        Value::Text(v) => v.clone().map(Json::from),
        Value::Uuid(v) => v.map(|id| Json::from(id.to_string())),
        Value::Bytes(v) => v.as_deref().map(|bytes| Json::from(hex(bytes))),
    }
}

/// A cell of a column; `None` when it does not fit.
fn value(kind: Kind, cell: Option<&Json>) -> Option<Value> {
    let number = |cell: &Json| cell.as_i64();
    // No error: the caller names the column whose cell does not fit.
    let id = |cell: &Json| cell.as_str().and_then(|text| text.parse().ok());
    Some(match (kind, cell) {
        (Kind::Small, None) => Value::Small(None),
        (Kind::Int, None) => Value::Int(None),
        (Kind::Big, None) => Value::Big(None),
        (Kind::Bool, None) => Value::Bool(None),
        (Kind::Text, None) => Value::Text(None),
        (Kind::Uuid, None) => Value::Uuid(None),
        (Kind::Bytes, None) => Value::Bytes(None),
        (Kind::Small, Some(cell)) => Value::Small(Some(number(cell)?.try_into().ok()?)),
        (Kind::Int, Some(cell)) => Value::Int(Some(number(cell)?.try_into().ok()?)),
        (Kind::Big, Some(cell)) => Value::Big(Some(number(cell)?)),
        (Kind::Bool, Some(cell)) => Value::Bool(Some(cell.as_bool()?)),
        (Kind::Text, Some(cell)) => Value::Text(Some(cell.as_str()?.to_owned())),
        (Kind::Uuid, Some(cell)) => Value::Uuid(Some(id(cell)?)),
        (Kind::Bytes, Some(cell)) => Value::Bytes(Some(unhex(cell.as_str()?)?)),
    })
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("\\x");
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    text
}

pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moving::TABLES;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn any_value(kind: Kind) -> BoxedStrategy<Value> {
        fn maybe<S: Strategy + 'static>(
            some: S,
            value: fn(Option<S::Value>) -> Value,
        ) -> BoxedStrategy<Value> {
            prop::option::of(some).prop_map(value).boxed()
        }
        match kind {
            Kind::Small => maybe(any::<i16>(), Value::Small),
            Kind::Int => maybe(any::<i32>(), Value::Int),
            Kind::Big => maybe(any::<i64>(), Value::Big),
            Kind::Bool => maybe(any::<bool>(), Value::Bool),
            Kind::Text => maybe(".*", Value::Text),
            Kind::Uuid => maybe(any::<u128>().prop_map(Uuid::from_u128), Value::Uuid),
            Kind::Bytes => maybe(prop::collection::vec(any::<u8>(), 0..40), Value::Bytes),
        }
    }

    fn any_row() -> impl Strategy<Value = (Table, Vec<Value>)> {
        prop::sample::select(TABLES).prop_flat_map(|table| {
            let cells: Vec<_> = table.columns.iter().map(|c| any_value(c.kind)).collect();
            (Just(table), cells)
        })
    }

    proptest! {
        #[test]
        fn any_row_comes_back_as_it_was((table, row) in any_row()) {
            let mut document = Document { schema: 1, ..Document::default() };
            document.add(&table, &row);
            let read = Document::decode(&document.encode().expect("written")).expect("read");
            prop_assert_eq!(&read, &document);
            prop_assert_eq!(read.values(&table).expect("of their types"), vec![row]);
        }

        #[test]
        fn any_changed_byte_is_noticed(at in any::<prop::sample::Index>(), by in 1_u8..) {
            let mut document = Document { schema: 1, ..Document::default() };
            document.rows.insert("orders".into(), vec![Row::new()]);
            let mut bytes = document.encode().expect("written");
            let at = at.index(bytes.len());
            bytes[at] ^= by;
            // A bit of the header says how hard the compression tried, and nothing depends on it.
            if let Ok(read) = Document::decode(&bytes) {
                prop_assert_eq!(read, document);
            }
        }
    }

    #[test]
    fn a_document_of_a_later_schema_is_refused() {
        let document = Document {
            schema: crate::migrations::known() + 1,
            ..Document::default()
        };
        let refused = Document::decode(&document.encode().expect("written"));
        assert!(refused.expect_err("later").to_string().contains("schema"));
    }
}
