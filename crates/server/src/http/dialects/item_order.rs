//! Reads an order as older clients send it: a customer, and items with a product, a quantity and a price. Dialects
//! differ in the names of the fields and in a few rules ([`Shape`]).
//!
//! Every fault is found, with its place; unknown fields are ignored.

use serde_json::value::RawValue;
use waybill_domain::content::{Content, LineContent};
use waybill_domain::echo::Echo;
use waybill_domain::money::{Currency, Minor, Rounding};
use waybill_domain::status::AllocationPolicy;
use waybill_domain::text::{self, Sku};

pub use super::item_fault::{Fault, Place};
use super::item_fault::{Faults, ITEMS, malformed, no_object};
pub use super::item_price::Price;
use super::item_price::{is_number, price};
use crate::config::Limits;
use crate::http::members::members;

/// How a dialect writes an order.
pub struct Shape {
    /// The field of the customer's id.
    pub customer: &'static str,
    /// The field of an item's product.
    pub product: &'static str,
    pub price: Price,
    /// Whether an id may be a JSON number, which stands for its text.
    pub numbers_are_ids: bool,
}

const QUANTITY: &str = "quantity";

/// The longest customer id.
pub const CUSTOMER_CHARS: usize = 200;

/// A checked order.
pub struct Checked {
    pub content: Content,
    /// The total that is part of the body's hash for idempotency.
    pub compared_total: Minor,
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
    let mut faults = Faults::default();
    let names = [shape.customer, ITEMS];
    let [customer_id, lines] =
        members(body, names).map_err(|error| vec![malformed(&error, &names)])?;
    let customer_id = customer(shape, customer_id, &mut faults);
    let lines = items(shape, lines, limits, &mut faults);
    checked(customer_id, lines, faults, rounding)
}

/// Reads and checks a body that is an order of one product: the customer and the item's fields stand side by side.
///
/// # Errors
/// All faults that were found.
pub fn parse_single(
    body: &[u8],
    shape: &Shape,
    limits: &Limits,
    rounding: Rounding,
) -> Result<Checked, Vec<Fault>> {
    let mut faults = Faults::default();
    let names = [shape.customer];
    let [customer_id] = members(body, names).map_err(|error| vec![malformed(&error, &names)])?;
    let customer_id = customer(shape, customer_id, &mut faults);
    let line = item(
        shape,
        (Place::Body, Place::Member),
        body,
        limits,
        &mut faults,
    );
    checked(customer_id, line.into_iter().collect(), faults, rounding)
}

/// The order, if nothing is wrong with it.
fn checked(
    customer_id: Option<String>,
    lines: Vec<LineContent>,
    mut faults: Faults,
    rounding: Rounding,
) -> Result<Checked, Vec<Fault>> {
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
    if faults.is_empty() {
        let sums = content.sums(rounding).map(|sums| sums.total);
        match sums.and_then(|total| Ok((total, content.sums(Rounding::HalfEven)?.total))) {
            Ok((total, compared)) => (content.total, compared_total) = (total, compared),
            Err(problem) => faults.add(Place::Member(ITEMS), problem.detail),
        }
    }
    if faults.is_empty() {
        Ok(Checked {
            content,
            compared_total,
        })
    } else {
        Err(faults.found())
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
        .filter_map(|(index, raw)| {
            let place = move |name| Place::MemberOfItem(index, name);
            let raw = raw.get().as_bytes();
            item(shape, (Place::Item(index), place), raw, limits, faults)
        })
        .collect()
}

/// Reads an item that stands at a place, its members at others.
fn item(
    shape: &Shape,
    (whole, place): (Place, impl Fn(&'static str) -> Place + Copy),
    raw: &[u8],
    limits: &Limits,
    faults: &mut Faults,
) -> Option<LineContent> {
    let price_field = shape.price.field();
    let names = [shape.product, QUANTITY, price_field];
    let [sku, units, unit_price] = match members(raw, names) {
        Ok(found) => found,
        Err(error) => {
            let fault = no_object(&error, &names, whole, place);
            faults.add(fault.place, fault.message);
            return None;
        }
    };
    let sku = product(shape, sku).map_err(|message| faults.add(place(shape.product), message));
    let quantity = quantity(units, limits).map_err(|message| faults.add(place(QUANTITY), message));
    let unit_price = price(&shape.price, unit_price, sku.as_ref().ok())
        .map_err(|message| faults.add(place(price_field), message));
    let (Ok(sku), Ok(quantity), Ok(Some(unit_price))) = (sku, quantity, unit_price) else {
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
