//! Checks the body of `POST /v1/orders` and makes domain content of it. The first fault is answered.

use serde_json::value::RawValue;
use waybill_domain::content::{Address, Charge, Content, DeliveryMethod, LineContent, Personal};
use waybill_domain::country;
use waybill_domain::ids::{NUMBER_PREFIX, OrderId};
use waybill_domain::money::{Currency, Minor, Rounding};
use waybill_domain::order::{HoldReason, MAX_HOLDS};
use waybill_domain::problem::{Problem, code};
use waybill_domain::status::AllocationPolicy;
use waybill_domain::text::{self, Sku, TEXT_CHARS};
use waybill_domain::time::{Time, TimeFault};

use super::order_body::{
    AddressBody, ChargeBody, CustomerBody, DeliveryMethodBody, HoldBody, LineBody, OrderBody, Text,
};
use super::strict::Object;
use super::{amount, metadata, orders};
use crate::config::Limits;

/// Longest code, reference, number or id a caller gives.
pub(super) const NAME_CHARS: usize = 200;
/// Shipping lines and fees, each.
pub(super) const CHARGES: usize = 50;

/// The rounding of the total by which bodies without a stated total are compared. It does not follow the setting, so
/// that a repeated body still equals the first one after the setting was changed.
pub const COMPARED_ROUNDING: Rounding = Rounding::HalfEven;

/// A checked order.
pub struct Checked {
    pub content: Content,
    pub personal: Personal,
    pub holds: Vec<HoldReason>,
    /// The total that is part of the body's hash for idempotency.
    pub compared_total: Minor,
}

type Checking<T> = Result<T, Problem>;

/// Checks a body.
///
/// # Errors
/// The first fault, with its field.
pub fn check(body: OrderBody<'_>, limits: &Limits, rounding: Rounding) -> Checking<Checked> {
    let currency = Currency::parse(&body.currency)?;
    let (customer_id, mut personal) = customer(body.customer)?;
    personal.shipping_address = address("shippingAddress", body.shipping_address)?;
    personal.billing_address = address("billingAddress", body.billing_address)?;
    personal.notes = free("notes", body.notes)?;
    let content = Content {
        currency,
        total: Minor(0),
        order_number: order_number(body.order_number)?,
        client_reference: name("clientReference", body.client_reference)?,
        channel: name("channel", body.channel)?,
        replaces_order_id: replaced(body.replaces_order_id.as_deref())?,
        placed_at: time("placedAt", body.placed_at.as_deref())?,
        customer_id,
        delivery_method: body.delivery_method.map(delivery_method).transpose()?,
        tax_included: body.tax_included.unwrap_or(false),
        payment_status: name("paymentStatus", body.payment_status)?,
        payment_reference: name("paymentReference", body.payment_reference)?,
        allocation_policy: policy(body.allocation_policy.as_deref())?,
        promised_by: time("promisedBy", body.promised_by.as_deref())?,
        metadata: own_data("metadata", body.metadata, limits)?,
        lines: lines(body.lines, currency, limits)?,
        shipping_lines: charges("shippingLines", body.shipping_lines, currency)?,
        fees: charges("fees", body.fees, currency)?,
    };
    let holds = holds(&body.holds.unwrap_or_default())?;
    content.check_discounts(rounding)?;
    let (total, compared_total) = total(&content, body.total, rounding)?;
    Ok(Checked {
        content: Content { total, ..content },
        personal,
        holds,
        compared_total,
    })
}

/// The order's total, and the one by which the body is compared.
fn total(content: &Content, stated: Text<'_>, rounding: Rounding) -> Checking<(Minor, Minor)> {
    if let Some(raw) = stated {
        let stated = amount::minor("total", raw, content.currency)?;
        content.check_total(stated, rounding)?;
        return Ok((stated, stated));
    }
    Ok((
        content.sums(rounding)?.total,
        content.sums(COMPARED_ROUNDING)?.total,
    ))
}

fn lines(
    bodies: Vec<Object<LineBody<'_>>>,
    currency: Currency,
    limits: &Limits,
) -> Checking<Vec<LineContent>> {
    if bodies.is_empty() {
        let detail = "at least one line is required";
        return Err(Problem::new(code::REQUIRED, "lines", detail));
    }
    let most = limits.lines as usize;
    if bodies.len() > most {
        let detail = format!("at most {most} lines; this has {}", bodies.len());
        return Err(Problem::new(code::TOO_MANY_LINES, "lines", detail));
    }
    let checked = bodies.into_iter().enumerate().map(|(index, Object(body))| {
        line(body, currency, limits).map_err(|p| p.below(&format!("lines[{index}]")))
    });
    checked.collect()
}

fn line(body: LineBody<'_>, currency: Currency, limits: &Limits) -> Checking<LineContent> {
    let optional = |field: &str, raw: Text<'_>| {
        raw.map(|raw| amount::minor(field, raw, currency))
            .transpose()
    };
    Ok(LineContent {
        sku: Sku::parse(&body.sku)?,
        name: free("name", body.name)?,
        quantity: amount::quantity(
            "quantity",
            required("quantity", body.quantity)?,
            limits.quantity,
        )?,
        unit_price: amount::unit_price(
            "unitPrice",
            required("unitPrice", body.unit_price)?,
            currency,
        )?,
        discount: optional("discount", body.discount)?,
        tax: optional("tax", body.tax)?,
        requires_shipping: body.requires_shipping,
        metadata: own_data("metadata", body.metadata, limits)?,
    })
}

fn required<'a>(field: &str, value: Text<'a>) -> Checking<&'a RawValue> {
    value.ok_or_else(|| Problem::new(code::REQUIRED, field, format!("{field} is required")))
}

fn charges(
    field: &str,
    bodies: Option<Vec<Object<ChargeBody<'_>>>>,
    currency: Currency,
) -> Checking<Vec<Charge>> {
    let bodies = bodies.unwrap_or_default();
    if bodies.len() > CHARGES {
        let detail = format!("at most {CHARGES}; this has {}", bodies.len());
        return Err(Problem::new(code::TOO_MANY_LINES, field, detail));
    }
    let checked = bodies.into_iter().enumerate().map(|(index, Object(body))| {
        charge(body, currency).map_err(|p| p.below(&format!("{field}[{index}]")))
    });
    checked.collect()
}

fn charge(body: ChargeBody<'_>, currency: Currency) -> Checking<Charge> {
    text::check_name("code", &body.code, NAME_CHARS)?;
    let price = amount::minor("price", required("price", body.price)?, currency)?;
    let tax = body.tax.map(|raw| amount::minor("tax", raw, currency));
    Ok(Charge {
        code: body.code,
        price,
        tax: tax.transpose()?,
    })
}

fn customer(body: Option<Object<CustomerBody>>) -> Checking<(Option<String>, Personal)> {
    let Some(Object(body)) = body else {
        return Ok((None, Personal::default()));
    };
    let personal = Personal {
        email: free("customer.email", body.email)?,
        phone: free("customer.phone", body.phone)?,
        locale: free("customer.locale", body.locale)?,
        ..Personal::default()
    };
    Ok((name("customer.id", body.id)?, personal))
}

fn address(field: &str, body: Option<Object<AddressBody>>) -> Checking<Option<Address>> {
    let Some(Object(body)) = body else {
        return Ok(None);
    };
    let address = Address {
        name: body.name,
        company: body.company,
        address1: body.address1,
        address2: body.address2,
        city: body.city,
        region: body.region,
        postal_code: body.postal_code,
        country_code: body.country_code,
    };
    for (part, value) in address.fields() {
        if let Some(value) = value {
            text::check(part, value, TEXT_CHARS).map_err(|p| p.below(field))?;
        }
    }
    if let Some(code) = &address.country_code {
        country::check("countryCode", code).map_err(|p| p.below(field))?;
    }
    Ok(Some(address))
}

fn delivery_method(Object(body): Object<DeliveryMethodBody>) -> Checking<DeliveryMethod> {
    text::check_name("deliveryMethod.code", &body.code, NAME_CHARS)?;
    Ok(DeliveryMethod {
        code: body.code,
        name: free("deliveryMethod.name", body.name)?,
        service_level: free("deliveryMethod.serviceLevel", body.service_level)?,
    })
}

fn order_number(number: Option<String>) -> Checking<Option<String>> {
    const FIELD: &str = "orderNumber";
    let number = name(FIELD, number)?;
    let Some(text) = number.as_deref() else {
        return Ok(None);
    };
    if text.starts_with(NUMBER_PREFIX) {
        let detail = format!("numbers that begin with {NUMBER_PREFIX} are given by Waybill");
        return Err(Problem::new(code::RESERVED_PREFIX, FIELD, detail));
    }
    // A person who takes the number for what a path wants would read or cancel another order by it.
    if orders::named(text).is_ok() {
        let detail = "must not be a UUID, nor begin with number: or ref:, because a path would read it as the id or the name of another order";
        return Err(Problem::new(code::INVALID_VALUE, FIELD, detail));
    }
    Ok(number)
}

fn replaced(id: Option<&str>) -> Checking<Option<OrderId>> {
    let read = |id| {
        OrderId::parse(id).ok_or_else(|| {
            let detail = "expected an order's id, a UUID";
            Problem::new(code::INVALID_ID, "replacesOrderId", detail)
        })
    };
    id.map(read).transpose()
}

fn policy(named: Option<&str>) -> Checking<AllocationPolicy> {
    let Some(named) = named else {
        return Ok(AllocationPolicy::Reject);
    };
    AllocationPolicy::parse(named).ok_or_else(|| {
        let allowed = AllocationPolicy::ALL.iter().map(|policy| policy.as_str());
        not_one_of("allocationPolicy", allowed)
    })
}

fn not_one_of(field: &str, allowed: impl Iterator<Item = &'static str>) -> Problem {
    let allowed: Vec<&str> = allowed.collect();
    let detail = format!("expected one of {}", allowed.join(", "));
    Problem::new(code::INVALID_VALUE, field, detail)
}

/// Each a reason, or an object with one.
fn holds(raw: &[&RawValue]) -> Checking<Vec<HoldReason>> {
    if raw.len() > MAX_HOLDS {
        let detail = format!("at most {MAX_HOLDS}; this has {}", raw.len());
        return Err(Problem::new(code::INVALID_VALUE, "holds", detail));
    }
    let checked = raw.iter().enumerate().map(|(index, raw)| {
        let field = format!("holds[{index}]");
        let reason = if raw.get().starts_with('{') {
            serde_json::from_str::<HoldBody>(raw.get()).map(|body| body.reason)
        } else {
            serde_json::from_str(raw.get())
        };
        let reason: String = reason.map_err(|_| {
            let detail = "expected a reason, or an object with the one field reason";
            Problem::new(code::WRONG_TYPE, field.clone(), detail)
        })?;
        hold_reason(&field, &reason)
    });
    checked.collect()
}

/// A reason by its name.
///
/// # Errors
/// `invalid_value`, naming `field`.
pub fn hold_reason(field: &str, named: &str) -> Checking<HoldReason> {
    HoldReason::parse(named)
        .ok_or_else(|| not_one_of(field, HoldReason::ALL.iter().map(|r| r.as_str())))
}

fn time(field: &str, value: Option<&str>) -> Checking<Option<Time>> {
    let read = |value| {
        let told = |fault: TimeFault| Problem::new(code::INVALID_TIME, field, fault.to_string());
        Time::read(value).map_err(told)
    };
    value.map(read).transpose()
}

fn own_data(field: &str, raw: Text<'_>, limits: &Limits) -> Checking<Option<Box<RawValue>>> {
    let Some(raw) = raw else { return Ok(None) };
    metadata::check(field, raw, limits)?;
    Ok(Some(raw.to_owned()))
}

/// A name or code that identifies something: not empty if it is given.
fn name(field: &str, value: Option<String>) -> Checking<Option<String>> {
    if let Some(value) = &value {
        text::check_name(field, value, NAME_CHARS)?;
    }
    Ok(value)
}

/// A number or reference of the caller's other systems; it may be empty.
///
/// # Errors
/// `text_too_long` or `invalid_text`, naming `field`.
pub fn reference(field: &str, value: Option<String>) -> Checking<Option<String>> {
    if let Some(value) = &value {
        text::check_code(field, value, TEXT_CHARS)?;
    }
    Ok(value)
}

/// Any text; it may be empty.
///
/// # Errors
/// `text_too_long` or `invalid_text`, naming `field`.
pub fn free(field: &str, value: Option<String>) -> Checking<Option<String>> {
    if let Some(value) = &value {
        text::check(field, value, TEXT_CHARS)?;
    }
    Ok(value)
}
