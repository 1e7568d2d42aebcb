//! What an event says, as `/v1` shows it. `order.created` carries the order's content with amounts as whole minor
//! units; callers get them as decimal strings, as everywhere else. All other members are shown as they are.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;
use waybill_domain::event::{EventKind, NewEvent};
use waybill_domain::money::{Currency, Minor, UnitPrice};

type Members = BTreeMap<String, Box<RawValue>>;

/// The body of an event.
///
/// # Errors
/// It is not the JSON that was written: the row was damaged.
pub fn of(event: &NewEvent) -> serde_json::Result<Cow<'_, RawValue>> {
    if event.kind != EventKind::OrderCreated {
        return serde_json::from_str(&event.body).map(Cow::Borrowed);
    }
    let mut members: Members = serde_json::from_str(&event.body)?;
    if let Some(currency) = members.get("currency") {
        let currency: Currency = serde_json::from_str(currency.get())?;
        minor(&mut members, "total", currency)?;
        for list in ["lines", "shippingLines", "fees"] {
            amounts_of(&mut members, list, currency)?;
        }
    }
    serde_json::value::to_raw_value(&members).map(Cow::Owned)
}

fn amounts_of(members: &mut Members, list: &str, currency: Currency) -> serde_json::Result<()> {
    let Some(raw) = members.get_mut(list) else {
        return Ok(());
    };
    let mut items: Vec<Members> = serde_json::from_str(raw.get())?;
    for item in &mut items {
        for name in ["price", "discount", "tax"] {
            minor(item, name, currency)?;
        }
        if let Some(raw) = item.get_mut("unitPrice") {
            let price: UnitPrice = serde_json::from_str(raw.get())?;
            *raw = text(&price.show(currency))?;
        }
    }
    *raw = serde_json::value::to_raw_value(&items)?;
    Ok(())
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
