//! The body of `POST /v1/orders`, field by field, before anything in it is believed.
//!
//! Amounts and quantities stay the text they were sent as, so that no float ever touches them.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::strict::Object;

/// A JSON value as it was written.
pub type Text<'a> = Option<&'a RawValue>;

/// An order as a caller sends it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrderBody<'a> {
    pub order_number: Option<String>,
    pub client_reference: Option<String>,
    pub channel: Option<String>,
    pub replaces_order_id: Option<String>,
    pub currency: String,
    pub placed_at: Option<String>,
    pub promised_by: Option<String>,
    pub customer: Option<Object<CustomerBody>>,
    pub shipping_address: Option<Object<AddressBody>>,
    pub billing_address: Option<Object<AddressBody>>,
    pub delivery_method: Option<Object<DeliveryMethodBody>>,
    #[serde(borrow)]
    pub lines: Vec<Object<LineBody<'a>>>,
    #[serde(borrow)]
    pub shipping_lines: Option<Vec<Object<ChargeBody<'a>>>>,
    #[serde(borrow)]
    pub fees: Option<Vec<Object<ChargeBody<'a>>>>,
    pub tax_included: Option<bool>,
    #[serde(borrow)]
    pub total: Text<'a>,
    pub payment_status: Option<String>,
    pub payment_reference: Option<String>,
    #[serde(borrow)]
    pub holds: Option<Vec<&'a RawValue>>,
    pub allocation_policy: Option<String>,
    #[serde(borrow)]
    pub metadata: Text<'a>,
    pub notes: Option<String>,
}

/// Who ordered; all but the id is personal data.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerBody {
    pub id: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub locale: Option<String>,
}

/// A postal address.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddressBody {
    pub name: Option<String>,
    pub company: Option<String>,
    pub address1: Option<String>,
    pub address2: Option<String>,
    pub city: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    pub country_code: Option<String>,
}

/// How it is to be delivered.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeliveryMethodBody {
    pub code: String,
    pub name: Option<String>,
    pub service_level: Option<String>,
}

/// One line.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LineBody<'a> {
    pub sku: String,
    pub name: Option<String>,
    #[serde(borrow)]
    pub quantity: Text<'a>,
    #[serde(borrow)]
    pub unit_price: Text<'a>,
    #[serde(borrow)]
    pub discount: Text<'a>,
    #[serde(borrow)]
    pub tax: Text<'a>,
    pub requires_shipping: Option<bool>,
    #[serde(borrow)]
    pub metadata: Text<'a>,
}

/// A charge beside the lines.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChargeBody<'a> {
    pub code: String,
    #[serde(borrow)]
    pub price: Text<'a>,
    #[serde(borrow)]
    pub tax: Text<'a>,
}

/// A hold that is not just its reason's name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldBody {
    pub reason: String,
}
