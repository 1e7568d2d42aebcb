//! What an event says, as `/v1` shows it. `order.created` carries the order's content with amounts as whole minor
//! units; callers get them as decimal strings, as everywhere else. All other members are shown as they are.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;
use waybill_domain::canonical::canonical;
use waybill_domain::event::{EventKind, NewEvent};
use waybill_domain::money::{Currency, Minor, UnitPrice};

type Members = BTreeMap<String, Box<RawValue>>;

/// The body of an event, and whether it is whole: metadata that not every client can read, taken by an earlier version,
/// is null instead.
///
/// # Errors
/// It is not the JSON that was written: the row was damaged.
pub fn of(event: &NewEvent) -> serde_json::Result<(Cow<'_, RawValue>, bool)> {
    if event.kind != EventKind::OrderCreated {
        let body = serde_json::from_str(&event.body).map(Cow::Borrowed)?;
        return Ok((body, true));
    }
    let mut members: Members = serde_json::from_str(&event.body)?;
    let mut is_whole = only_readable(&mut members);
    if let Some(currency) = members.get("currency") {
        let currency: Currency = serde_json::from_str(currency.get())?;
        minor(&mut members, "total", currency)?;
        for list in ["lines", "shippingLines", "fees"] {
            is_whole &= items_of(&mut members, list, currency)?;
        }
    }
    let shown = serde_json::value::to_raw_value(&members)?;
    Ok((Cow::Owned(shown), is_whole))
}

/// Replaces metadata that not every client can read; says whether there was none.
fn only_readable(members: &mut Members) -> bool {
    let Some(raw) = members.get_mut("metadata") else {
        return true;
    };
    let is_readable = canonical(raw.get()).is_ok();
    if !is_readable {
        *raw = RawValue::NULL.to_owned();
    }
    is_readable
}

/// Shows the amounts of a list's items; says whether all their metadata can be read.
fn items_of(members: &mut Members, list: &str, currency: Currency) -> serde_json::Result<bool> {
    let Some(raw) = members.get_mut(list) else {
        return Ok(true);
    };
    let mut is_whole = true;
    let mut items: Vec<Members> = serde_json::from_str(raw.get())?;
    for item in &mut items {
        is_whole &= only_readable(item);
        for name in ["price", "discount", "tax"] {
            minor(item, name, currency)?;
        }
        if let Some(raw) = item.get_mut("unitPrice") {
            let price: UnitPrice = serde_json::from_str(raw.get())?;
            *raw = text(&price.show(currency))?;
        }
    }
    *raw = serde_json::value::to_raw_value(&items)?;
    Ok(is_whole)
}

fn minor(members: &mut Members, name: &str, currency: Currency) -> serde_json::Result<()> {
    if let Some(raw) = members.get_mut(name) {
        let amount: Minor = serde_json::from_str(raw.get())?;
        *raw = text(&amount.show(currency))?;
    }
    Ok(())
}

fn text(amount: &impl ToString) -> serde_json::Result<Box<RawValue>> {
    serde_json::value::to_raw_value(&amount.to_string())
}
