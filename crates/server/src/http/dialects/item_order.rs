//! Reads an order as older clients send it: a customer, and items with a product, a quantity and a price. Dialects
//! differ in the names of the fields and in a few rules ([`Shape`]).
//!
//! Every fault is found, with its place; unknown fields are ignored.

use std::fmt;

use serde_json::value::RawValue;
use waybill_domain::content::{Content, LineContent};
use waybill_domain::echo::{Echo, sentence};
use waybill_domain::money::{Currency, Minor, Rounding, UnitPrice};
use waybill_domain::status::AllocationPolicy;
use waybill_domain::text::{self, Sku};

use crate::config::Limits;
use crate::http::json;
use crate::http::members::members;

/// How a dialect writes an order.
pub struct Shape {
    /// The field of the customer's id.
    pub customer: &'static str,
    /// The field of an item's product.
    pub product: &'static str,
    /// The field of an item's price.
    pub price: &'static str,
    /// Whether an id may be a JSON number, which stands for its text.
    pub numbers_are_ids: bool,
    /// Whether a product may cost nothing.
    pub is_free_allowed: bool,
}

const ITEMS: &str = "items";
const QUANTITY: &str = "quantity";

/// One fault, and where it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    pub place: Place,
    pub message: String,
}

/// A place in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Body,
    Member(&'static str),
    Item(usize),
    MemberOfItem(usize, &'static str),
}

impl Place {
    /// As a JSON array: `["items",0,"quantity"]`.
    pub fn path(self) -> String {
        match self {
            Self::Body => "[]".into(),
            Self::Member(name) => format!("[{}]", json::text(name)),
            Self::Item(index) => format!("[\"{ITEMS}\",{index}]"),
            Self::MemberOfItem(index, name) => {
                format!("[\"{ITEMS}\",{index},{}]", json::text(name))
            }
        }
    }
}

/// As a person writes it: `items[0].quantity`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => f.write_str("body"),
            Self::Member(name) => f.write_str(name),
            Self::Item(index) => write!(f, "{ITEMS}[{index}]"),
            Self::MemberOfItem(index, name) => write!(f, "{ITEMS}[{index}].{name}"),
        }
    }
}

/// Faults listed at most.
const LISTED_FAULTS: usize = 50;
/// The longest customer id.
pub const CUSTOMER_CHARS: usize = 200;

/// A checked order.
pub struct Checked {
    pub content: Content,
    /// The total that is part of the body's hash for idempotency.
    pub compared_total: Minor,
}

struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, place: Place, message: impl Into<String>) {
        if self.0.len() < LISTED_FAULTS {
            self.0.push(Fault {
                place,
                message: sentence(message.into()),
            });
        }
    }
}

/// Reads and checks a body.
///
/// # Errors
/// All faults that were found.
pub fn parse(
    body: &[u8],
    shape: &Shape,
    limits: &Limits,
    rounding: Rounding,
) -> Result<Checked, Vec<Fault>> {
    let mut faults = Faults(vec![]);
    let names = [shape.customer, ITEMS];
    let [customer_id, lines] =
        members(body, names).map_err(|error| vec![malformed(&error, &names)])?;
    let customer_id = customer(shape, customer_id, &mut faults);
    let lines = items(shape, lines, limits, &mut faults);
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
            Err(problem) => faults.add(Place::Member(ITEMS), problem.detail),
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

fn malformed(error: &serde_json::Error, names: &[&'static str]) -> Fault {
    if error.classify() == serde_json::error::Category::Data {
        return no_object(error, names, Place::Body, Place::Member);
    }
    Fault {
        place: Place::Body,
        message: format!(
            "Malformed JSON at line {} column {}",
            error.line(),
            error.column()
        ),
    }
}

/// Why a value at a place is not the object that was expected.
fn no_object(
    error: &serde_json::Error,
    names: &[&'static str],
    place: Place,
    member: impl Fn(&'static str) -> Place,
) -> Fault {
    let message = error.to_string();
    let twice = message.strip_prefix("duplicate field `");
    let name = twice.and_then(|rest| rest.split('`').next());
    let name = name.and_then(|name| names.iter().find(|known| **known == name));
    match name {
        Some(name) => Fault {
            place: member(name),
            message: "Stands twice".into(),
        },
        None => Fault {
            place,
            message: "Expected an object".into(),
        },
    }
}

fn customer(shape: &Shape, raw: Option<&RawValue>, faults: &mut Faults) -> Option<String> {
    let place = Place::Member(shape.customer);
    let id = match id(shape, raw) {
        Ok(id) => id,
        Err(message) => {
            faults.add(place, message);
            return None;
        }
    };
    if let Err(problem) = text::check_name(shape.customer, &id, CUSTOMER_CHARS) {
        faults.add(place, format!("Customer ID {}", problem.detail));
        return None;
    }
    Some(id)
}

fn id(shape: &Shape, raw: Option<&RawValue>) -> Result<String, &'static str> {
    let raw = raw.ok_or("Required")?;
    if shape.numbers_are_ids && is_number(raw.get()) {
        return Ok(raw.get().to_owned());
    }
    let read = serde_json::from_str(raw.get());
    read.map_err(|_| {
        if raw.get().starts_with('"') {
            "Half of a surrogate pair is no character"
        } else {
            "Expected a string"
        }
    })
}

fn items(
    shape: &Shape,
    raw: Option<&RawValue>,
    limits: &Limits,
    faults: &mut Faults,
) -> Vec<LineContent> {
    let place = Place::Member(ITEMS);
    let Some(raw) = raw else {
        faults.add(place, "Required");
        return vec![];
    };
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) else {
        faults.add(place, "Expected an array");
        return vec![];
    };
    if items.is_empty() {
        faults.add(place, "At least one item is required");
    }
    if items.len() > limits.lines as usize {
        let (most, found) = (limits.lines, items.len());
        faults.add(
            place,
            format!("At most {most} items are taken; this has {found}"),
        );
        return vec![];
    }
    let lines = items.iter().enumerate();
    lines
        .filter_map(|(index, raw)| item(shape, index, raw, limits, faults))
        .collect()
}

fn item(
    shape: &Shape,
    index: usize,
    raw: &RawValue,
    limits: &Limits,
    faults: &mut Faults,
) -> Option<LineContent> {
    let place = |name| Place::MemberOfItem(index, name);
    let names = [shape.product, QUANTITY, shape.price];
    let [sku, units, unit_price] = match members(raw.get().as_bytes(), names) {
        Ok(found) => found,
        Err(error) => {
            let fault = no_object(&error, &names, Place::Item(index), place);
            faults.add(fault.place, fault.message);
            return None;
        }
    };
    let sku = product(shape, sku).map_err(|message| faults.add(place(shape.product), message));
    let quantity = quantity(units, limits).map_err(|message| faults.add(place(QUANTITY), message));
    let unit_price =
        price(shape, unit_price).map_err(|message| faults.add(place(shape.price), message));
    let (Ok(sku), Ok(quantity), Ok(unit_price)) = (sku, quantity, unit_price) else {
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

fn product(shape: &Shape, raw: Option<&RawValue>) -> Result<Sku, String> {
    let text = id(shape, raw)?;
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

fn price(shape: &Shape, raw: Option<&RawValue>) -> Result<UnitPrice, String> {
    let text = raw.ok_or("Required")?.get();
    if !is_number(text) {
        return Err("Expected a number".into());
    }
    let price = UnitPrice::parse_plain(text, Currency::USD)
        .map_err(|problem| format!("Price: {}", problem.detail))?;
    if price.is_negative() {
        Err(format!("Price must not be negative; found {}", Echo(text)))
    } else if price.is_zero() && !shape.is_free_allowed {
        Err(format!("Price must be above 0; found {}", Echo(text)))
    } else {
        Ok(price)
    }
}
