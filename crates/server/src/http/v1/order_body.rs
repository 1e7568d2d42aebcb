//! The body of `POST /v1/orders`, field by field, before anything in it is believed.
//!
//! Amounts and quantities stay the text they were sent as, so that no float ever touches them.

use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::strict::Object;

/// A JSON value as it was written.
pub type Text<'a> = Option<&'a RawValue>;

/// An order as a caller sends it.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewOrder)]
pub struct OrderBody<'a> {
    pub order_number: Option<String>,
    pub client_reference: Option<String>,
    pub channel: Option<String>,
    pub replaces_order_id: Option<String>,
    pub currency: String,
    #[schema(value_type = Option<super::schemas::Timestamp>)]
    pub placed_at: Option<String>,
    #[schema(value_type = Option<super::schemas::Timestamp>)]
    pub promised_by: Option<String>,
    #[schema(value_type = Option<CustomerBody>)]
    pub customer: Option<Object<CustomerBody>>,
    #[schema(value_type = Option<AddressBody>)]
    pub shipping_address: Option<Object<AddressBody>>,
    #[schema(value_type = Option<AddressBody>)]
    pub billing_address: Option<Object<AddressBody>>,
    #[schema(value_type = Option<DeliveryMethodBody>)]
    pub delivery_method: Option<Object<DeliveryMethodBody>>,
    #[serde(borrow)]
    #[schema(value_type = Vec<LineBody<'static>>)]
    pub lines: Vec<Object<LineBody<'a>>>,
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<ChargeBody<'static>>>)]
    pub shipping_lines: Option<Vec<Object<ChargeBody<'a>>>>,
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<ChargeBody<'static>>>)]
    pub fees: Option<Vec<Object<ChargeBody<'a>>>>,
    pub tax_included: Option<bool>,
    #[serde(borrow)]
    #[schema(value_type = Option<super::schemas::Amount>)]
    pub total: Text<'a>,
    pub payment_status: Option<String>,
    pub payment_reference: Option<String>,
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<super::schemas::HoldReason>>)]
    pub holds: Option<Vec<&'a RawValue>>,
    pub allocation_policy: Option<String>,
    #[serde(borrow)]
    /// The caller's own data, kept as it was sent: I-JSON (RFC 7493). It must not hold personal data.
    #[schema(value_type = Option<serde_json::Value>)]
    pub metadata: Text<'a>,
    pub notes: Option<String>,
}

/// Who ordered; all but the id is personal data.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCustomer)]
pub struct CustomerBody {
    pub id: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub locale: Option<String>,
}

/// A postal address.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewAddress)]
pub struct AddressBody {
    pub name: Option<String>,
    pub company: Option<String>,
    pub address1: Option<String>,
    pub address2: Option<String>,
    pub city: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2, in capital letters.
    #[schema(example = "DE")]
    pub country_code: Option<String>,
}

/// How it is to be delivered.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewDeliveryMethod)]
pub struct DeliveryMethodBody {
    pub code: String,
    pub name: Option<String>,
    pub service_level: Option<String>,
}

/// One line.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewLine)]
pub struct LineBody<'a> {
    pub sku: String,
    pub name: Option<String>,
    /// A whole number; 2 and 2.0 are the same one.
    #[serde(borrow)]
    #[schema(value_type = i64)]
    pub quantity: Text<'a>,
    #[serde(borrow)]
    #[schema(value_type = super::schemas::Amount)]
    pub unit_price: Text<'a>,
    #[serde(borrow)]
    #[schema(value_type = Option<super::schemas::Amount>)]
    pub discount: Text<'a>,
    #[serde(borrow)]
    #[schema(value_type = Option<super::schemas::Amount>)]
    pub tax: Text<'a>,
    pub requires_shipping: Option<bool>,
    #[serde(borrow)]
    #[schema(value_type = Option<serde_json::Value>)]
    pub metadata: Text<'a>,
}

/// A charge beside the lines.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewCharge)]
pub struct ChargeBody<'a> {
    pub code: String,
    #[serde(borrow)]
    #[schema(value_type = super::schemas::Amount)]
    pub price: Text<'a>,
    #[serde(borrow)]
    #[schema(value_type = Option<super::schemas::Amount>)]
    pub tax: Text<'a>,
}

/// A hold that is not just its reason's name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewHold)]
pub struct HoldBody {
    pub reason: String,
}
