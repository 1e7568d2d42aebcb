//! Stored values that not every client can parse, left by an earlier version or a manual change of the tables. They are
//! shown as text, so that the rest of the order and the other orders of the page stay readable.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use waybill_domain::canonical::canonical;
use waybill_domain::ids::{OrderId, readable_number};
use waybill_store::OrderRecord;

/// Texts that are shown instead of values, by the path of the value.
#[derive(Default)]
pub struct Unreadable<'a>(BTreeMap<String, &'a str>);

impl<'a> Unreadable<'a> {
    /// Returns a value that every client can parse; any other one is kept as text under its path.
    pub fn unless_readable(
        &mut self,
        path: impl FnOnce() -> String,
        raw: Option<&'a RawValue>,
    ) -> Option<&'a RawValue> {
        let raw = raw?;
        if canonical(raw.get()).is_ok() {
            return Some(raw);
        }
        self.0.insert(path(), raw.get());
        None
    }

    /// The texts; `None` when everything could be read.
    #[must_use]
    pub fn texts(self) -> Option<BTreeMap<String, &'a str>> {
        Some(self.0).filter(|texts| !texts.is_empty())
    }
}

/// An order of a page that cannot be shown at all.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnreadableOrder {
    /// Its id.
    #[schema(value_type = super::schemas::Id)]
    id: OrderId,
    /// Its number.
    #[schema(example = "WB-000123")]
    order_number: String,
    /// What is wrong with it.
    detail: &'static str,
}

impl UnreadableOrder {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> OrderId {
        self.id
    }

    /// Names it.
    #[must_use]
    pub fn of(record: &OrderRecord) -> Self {
        let number = record.caller_number.clone();
        Self {
            id: record.order.id,
            order_number: number.unwrap_or_else(|| readable_number(record.number)),
            detail: "what is stored of this order cannot be read; the server's log says why",
        }
    }
}
