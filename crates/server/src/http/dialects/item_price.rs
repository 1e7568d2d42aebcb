//! The price of an item as older clients send it, or as a list has it.

use serde_json::value::RawValue;
use waybill_domain::echo::Echo;
use waybill_domain::money::{Currency, UnitPrice};
use waybill_domain::text::Sku;

/// Where an item's price comes from.
pub enum Price {
    /// This field, which must be there.
    Sent {
        field: &'static str,
        is_free_allowed: bool,
    },
    /// This field, else a list of prices.
    SentOrListed {
        field: &'static str,
        listed: fn(&Sku) -> UnitPrice,
    },
    /// A list of prices, whatever is sent.
    Listed(fn(&Sku) -> UnitPrice),
}

impl Price {
    /// The field that is read; empty where none is.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Sent { field, .. } | Self::SentOrListed { field, .. } => field,
            Self::Listed(_) => "",
        }
    }
}

/// The price of an item; `None` when it is a listed one of a product that could not be read.
pub fn price(
    price: &Price,
    raw: Option<&RawValue>,
    sku: Option<&Sku>,
) -> Result<Option<UnitPrice>, String> {
    match price {
        Price::Sent {
            is_free_allowed, ..
        } => sent_price(raw.ok_or("Required")?.get(), *is_free_allowed).map(Some),
        Price::SentOrListed { listed, .. } => match raw.map(RawValue::get) {
            None | Some("null") => Ok(sku.map(listed)),
            Some(text) => sent_price(text, true).map(Some),
        },
        Price::Listed(listed) => Ok(sku.map(listed)),
    }
}

fn sent_price(text: &str, is_free_allowed: bool) -> Result<UnitPrice, String> {
    if !is_number(text) {
        return Err("Expected a number".into());
    }
    let price = UnitPrice::parse_plain(text, Currency::USD)
        .map_err(|problem| format!("Price: {}", problem.detail))?;
    if price.is_negative() {
        Err(format!("Price must not be negative; found {}", Echo(text)))
    } else if price.is_zero() && !is_free_allowed {
        Err(format!("Price must be above 0; found {}", Echo(text)))
    } else {
        Ok(price)
    }
}

/// Whether JSON text is a number.
#[must_use]
pub fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
}
