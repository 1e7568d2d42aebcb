//! What an order of this dialect has beside its customer and items. Fields that are not known are ignored.

use serde::Deserialize;
use serde_json::value::RawValue;
use waybill_domain::content::{Address, Personal};
use waybill_domain::problem::Problem as Invalid;
use waybill_domain::text::{self, TEXT_CHARS};

use crate::config::Limits;
use crate::http::object::Object;
use crate::http::v1::problem::Problem;
use crate::http::v1::{metadata, order_request, strict};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    customer_email: Option<String>,
    shipping_address: Option<Object<AddressBody>>,
    payment_method: Option<Box<RawValue>>,
    notes: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AddressBody {
    street: Option<String>,
    city: Option<String>,
    state: Option<String>,
    zip_code: Option<String>,
    country: Option<String>,
}

/// The checked details.
pub struct Details {
    pub personal: Personal,
    /// Has the payment method, if there is one.
    pub metadata: Option<Box<RawValue>>,
}

impl Details {
    /// Reads and checks them.
    ///
    /// # Errors
    /// 400, naming the field.
    pub fn of(body: &[u8], limits: &Limits) -> Result<Self, Problem> {
        let body: Body = strict::read(body)?;
        let address = body.shipping_address.map(|Object(body)| address(body));
        let personal = Personal {
            email: order_request::free("customerEmail", body.customer_email)?,
            shipping_address: address.transpose()?,
            notes: order_request::free("notes", body.notes)?,
            ..Personal::default()
        };
        let metadata = body
            .payment_method
            .map(|method| metadata_of(&method, limits));
        Ok(Self {
            personal,
            metadata: metadata.transpose()?,
        })
    }
}

/// The address; its country stays as it was sent, be it a code or a name.
fn address(body: AddressBody) -> Result<Address, Invalid> {
    let parts = [
        ("street", &body.street),
        ("city", &body.city),
        ("state", &body.state),
        ("zipCode", &body.zip_code),
        ("country", &body.country),
    ];
    for (name, value) in parts {
        if let Some(value) = value {
            text::check(name, value, TEXT_CHARS).map_err(|fault| fault.below("shippingAddress"))?;
        }
    }
    Ok(Address {
        address1: body.street,
        city: body.city,
        region: body.state,
        postal_code: body.zip_code,
        country_code: body.country,
        ..Address::default()
    })
}

fn metadata_of(method: &RawValue, limits: &Limits) -> Result<Box<RawValue>, Invalid> {
    const FIELD: &str = "paymentMethod";
    let text = format!("{{\"{FIELD}\":{}}}", method.get());
    let metadata = RawValue::from_string(text).expect("a value that was read, in an object");
    metadata::check(FIELD, &metadata, limits)?;
    Ok(metadata)
}
