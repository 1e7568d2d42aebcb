//! A stored order with its texts read.

use serde::de::DeserializeOwned;
use waybill_domain::content::{Content, Personal};
use waybill_domain::event::body::Source;
use waybill_domain::ids::readable_number;
use waybill_domain::order::{Line, Order};
use waybill_store::{Error as StoreError, OrderRecord};

/// What an answer shows of a stored order.
pub struct Stored {
    pub order: Order,
    pub number: String,
    pub content: Content,
    pub personal: Personal,
    /// The units of each line by vendor.
    pub parts: Vec<Vec<Source>>,
}

impl Stored {
    /// Reads the texts of a record.
    ///
    /// # Errors
    /// They are damaged.
    pub fn read(record: OrderRecord) -> Result<Self, StoreError> {
        let personal = record.personal.as_deref();
        let personal = personal.map(|text| read("an order's personal data", text));
        Ok(Self {
            number: record
                .caller_number
                .unwrap_or_else(|| readable_number(record.number)),
            content: read("an order's content", &record.content)?,
            personal: personal.transpose()?.unwrap_or_default(),
            parts: record.order.lines.iter().map(Line::by_vendor).collect(),
            order: record.order,
        })
    }
}

fn read<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::damaged_row(what, error.to_string()).because(error))
}
