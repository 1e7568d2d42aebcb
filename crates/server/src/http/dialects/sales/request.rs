//! Reads the body of an order in the sales dialect. The answer lists every fault with its path; unknown fields are
//! ignored.

use serde::Deserialize;
use serde_json::value::RawValue;
use waybill_domain::content::{Content, LineContent};
use waybill_domain::echo::{Echo, sentence};
use waybill_domain::money::{Currency, Minor, Rounding, UnitPrice};
use waybill_domain::status::AllocationPolicy;
use waybill_domain::text::{self, Sku};

use crate::config::Limits;
use crate::http::json;
use crate::http::object::Object;

/// One fault, and where it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// As JSON: `["items",0,"quantity"]`.
    pub path: String,
    pub message: String,
}

/// Faults listed at most.
const LISTED_FAULTS: usize = 50;
pub(super) const CUSTOMER_CHARS: usize = 200;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow, default)]
    customer_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    items: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    #[serde(borrow, default)]
    product_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    quantity: Option<&'a RawValue>,
    #[serde(borrow, default)]
    price: Option<&'a RawValue>,
}

/// A checked order.
pub struct Checked {
    pub content: Content,
    /// The total that is part of the body's hash for idempotency.
    pub compared_total: Minor,
}

struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, path: String, message: impl Into<String>) {
        if self.0.len() < LISTED_FAULTS {
            self.0.push(Fault {
                path,
                message: sentence(message.into()),
            });
        }
    }
}

/// Reads and checks a body.
///
/// # Errors
/// All faults that were found.
pub fn parse(body: &[u8], limits: &Limits, rounding: Rounding) -> Result<Checked, Vec<Fault>> {
    let mut faults = Faults(vec![]);
    let Object(body): Object<Body<'_>> =
        serde_json::from_slice(body).map_err(|error| vec![malformed(&error)])?;
    let customer_id = customer(body.customer_id, &mut faults);
    let lines = items(body.items, limits, &mut faults);
    let mut content = Content {
        currency: Currency::USD,
        total: Minor(0),
        order_number: None,
        client_reference: None,
        channel: None,
        replaces_order_id: None,
        placed_at: None,
        customer_id,
        delivery_method: None,
        tax_included: true,
        payment_status: None,
        payment_reference: None,
        allocation_policy: AllocationPolicy::Reject,
        promised_by: None,
        metadata: None,
        lines,
        shipping_lines: vec![],
        fees: vec![],
    };
    let mut compared_total = Minor(0);
    if faults.0.is_empty() {
        let sums = content.sums(rounding).map(|sums| sums.total);
        match sums.and_then(|total| Ok((total, content.sums(Rounding::HalfEven)?.total))) {
            Ok((total, compared)) => (content.total, compared_total) = (total, compared),
            Err(problem) => faults.add("[\"items\"]".into(), problem.detail),
        }
    }
    if faults.0.is_empty() {
        Ok(Checked {
            content,
            compared_total,
        })
    } else {
        Err(faults.0)
    }
}

fn malformed(error: &serde_json::Error) -> Fault {
    if error.classify() == serde_json::error::Category::Data {
        return no_object(error, "");
    }
    Fault {
        path: "[]".into(),
        message: format!(
            "Malformed JSON at line {} column {}",
            error.line(),
            error.column()
        ),
    }
}

/// Why a value is not the object that was expected; `parent` is its path, each part followed by a comma.
fn no_object(error: &serde_json::Error, parent: &str) -> Fault {
    let message = error.to_string();
    let twice = message.strip_prefix("duplicate field `");
    match twice.and_then(|rest| rest.split('`').next()) {
        Some(name) => Fault {
            path: format!("[{parent}{}]", json::text(name)),
            message: "Stands twice".into(),
        },
        None => Fault {
            path: format!("[{}]", parent.trim_end_matches(',')),
            message: "Expected an object".into(),
        },
    }
}

fn customer(raw: Option<&RawValue>, faults: &mut Faults) -> Option<String> {
    let path = || "[\"customerId\"]".to_owned();
    let Some(raw) = raw else {
        faults.add(path(), "Required");
        return None;
    };
    let id = match string(raw) {
        Ok(id) => id,
        Err(message) => {
            faults.add(path(), message);
            return None;
        }
    };
    if let Err(problem) = text::check_name("customerId", &id, CUSTOMER_CHARS) {
        faults.add(path(), format!("Customer ID {}", problem.detail));
        return None;
    }
    Some(id)
}

fn string(raw: &RawValue) -> Result<String, &'static str> {
    let read = serde_json::from_str(raw.get());
    read.map_err(|_| {
        if raw.get().starts_with('"') {
            "Half of a surrogate pair is no character"
        } else {
            "Expected a string"
        }
    })
}

fn items(raw: Option<&RawValue>, limits: &Limits, faults: &mut Faults) -> Vec<LineContent> {
    let path = || "[\"items\"]".to_owned();
    let Some(raw) = raw else {
        faults.add(path(), "Required");
        return vec![];
    };
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) else {
        faults.add(path(), "Expected an array");
        return vec![];
    };
    if items.is_empty() {
        faults.add(path(), "At least one item is required");
    }
    if items.len() > limits.lines as usize {
        faults.add(
            path(),
            format!(
                "At most {} items are taken; this has {}",
                limits.lines,
                items.len()
            ),
        );
        return vec![];
    }
    let lines = items.iter().enumerate();
    lines
        .filter_map(|(index, raw)| item(index, raw, limits, faults))
        .collect()
}

fn item(index: usize, raw: &RawValue, limits: &Limits, faults: &mut Faults) -> Option<LineContent> {
    let read = serde_json::from_str::<Object<Item<'_>>>(raw.get());
    let item = match read {
        Ok(Object(item)) => item,
        Err(error) => {
            let fault = no_object(&error, &format!("\"items\",{index},"));
            faults.add(fault.path, fault.message);
            return None;
        }
    };
    let path = |field: &str| format!("[\"items\",{index},\"{field}\"]");
    let sku = product(item.product_id).map_err(|message| faults.add(path("productId"), message));
    let quantity =
        quantity(item.quantity, limits).map_err(|message| faults.add(path("quantity"), message));
    let price = price(item.price).map_err(|message| faults.add(path("price"), message));
    let (Ok(sku), Ok(quantity), Ok(unit_price)) = (sku, quantity, price) else {
        return None;
    };
    Some(LineContent {
        sku,
        name: None,
        quantity,
        unit_price,
        discount: None,
        tax: None,
        requires_shipping: None,
        metadata: None,
    })
}

fn product(raw: Option<&RawValue>) -> Result<Sku, String> {
    let text = string(raw.ok_or("Required")?)?;
    Sku::parse(&text).map_err(|problem| format!("Product ID {}", problem.detail))
}

fn quantity(raw: Option<&RawValue>, limits: &Limits) -> Result<i64, String> {
    let text = raw.ok_or("Required")?.get();
    // Parsed as decimal text, so that 2.0 and 2e0 are whole numbers and 1.5 is not.
    let number = is_number(text)
        .then(|| Minor::parse(text, WHOLE))
        .ok_or("Expected a number")?;
    let most = i64::from(limits.quantity);
    match number {
        Ok(Minor(n)) if n < 1 => Err(format!("Quantity must be at least 1; found {n}")),
        Ok(Minor(n)) if n > most => Err(format!("Quantity must be at most {most}; found {n}")),
        Ok(Minor(n)) => Ok(n),
        Err(problem) if problem.code == waybill_domain::problem::code::TOO_MANY_DIGITS => Err(
            format!("Quantity must be a whole number; found {}", Echo(text)),
        ),
        Err(_) => Err(format!("Quantity must be from 1 to {most}")),
    }
}

/// A currency without minor digits reads whole numbers.
const WHOLE: Currency = Currency::WHOLE;

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
}

fn price(raw: Option<&RawValue>) -> Result<UnitPrice, String> {
    let text = raw.ok_or("Required")?.get();
    if !is_number(text) {
        return Err("Expected a number".into());
    }
    let price = UnitPrice::parse_plain(text, Currency::USD)
        .map_err(|problem| format!("Price: {}", problem.detail))?;
    if price.is_negative() {
        Err(format!("Price must not be negative; found {}", Echo(text)))
    } else {
        Ok(price)
    }
}
