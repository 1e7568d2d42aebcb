//! The body of `POST /v1/orders`, field by field, before it is checked.
//!
//! Amounts and quantities stay text as sent, so that they are never converted to floats. The bounds of the members are
//! written into the specification by `bounds`.

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
    /// The caller's own number for the order, unique per tenant for good. Without one, Waybill gives one. It does not
    /// begin with `WB-`, `number:` or `ref:` and is no UUID, so that no path reads it as the name of another order.
    pub order_number: Option<String>,
    /// The caller's own name for the order, unique per tenant for good; `ref:` and this finds the order.
    pub client_reference: Option<String>,
    /// Where it was sold.
    pub channel: Option<String>,
    /// The id of the order that this one replaces.
    #[schema(value_type = Option<super::schemas::Id>)]
    pub replaces_order_id: Option<String>,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: String,
    /// When it was placed, if that was before it was sent here.
    #[schema(value_type = Option<super::schemas::Timestamp>)]
    pub placed_at: Option<String>,
    /// When it was promised to arrive.
    #[schema(value_type = Option<super::schemas::Timestamp>)]
    pub promised_by: Option<String>,
    /// Who ordered.
    #[schema(value_type = Option<CustomerBody>)]
    pub customer: Option<Object<CustomerBody>>,
    /// Where it goes.
    #[schema(value_type = Option<AddressBody>)]
    pub shipping_address: Option<Object<AddressBody>>,
    /// Where the invoice goes.
    #[schema(value_type = Option<AddressBody>)]
    pub billing_address: Option<Object<AddressBody>>,
    /// How it is to be delivered.
    #[schema(value_type = Option<DeliveryMethodBody>)]
    pub delivery_method: Option<Object<DeliveryMethodBody>>,
    /// What is ordered.
    #[serde(borrow)]
    #[schema(value_type = Vec<LineBody<'static>>)]
    pub lines: Vec<Object<LineBody<'a>>>,
    /// What shipping costs.
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<ChargeBody<'static>>>)]
    pub shipping_lines: Option<Vec<Object<ChargeBody<'a>>>>,
    /// Further charges.
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<ChargeBody<'static>>>)]
    pub fees: Option<Vec<Object<ChargeBody<'a>>>>,
    /// Whether prices include the taxes; false by default.
    pub tax_included: Option<bool>,
    /// What the customer pays. It is compared with the sum of lines, charges and, if prices do not include them, taxes.
    #[serde(borrow)]
    #[schema(value_type = Option<super::schemas::Amount>)]
    pub total: Text<'a>,
    /// As the shop knows it; Waybill takes no payments.
    pub payment_status: Option<String>,
    /// The payment's name at its provider.
    pub payment_reference: Option<String>,
    /// Reasons to hold the order from the start.
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<super::schemas::HoldReason>>)]
    pub holds: Option<Vec<&'a RawValue>>,
    /// What becomes of lines that are short; `reject` by default.
    #[schema(value_type = Option<super::schemas::AllocationPolicy>)]
    pub allocation_policy: Option<String>,
    /// An object of the caller's own, kept as it was sent: I-JSON (RFC 7493). It must not hold personal data.
    #[serde(borrow)]
    #[schema(value_type = Option<Object>)]
    pub metadata: Text<'a>,
    /// Free text for those who handle the order; personal data.
    pub notes: Option<String>,
}

/// Who ordered; all but the id is personal data.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCustomer)]
pub struct CustomerBody {
    /// The customer's id at the caller.
    pub id: Option<String>,
    /// Personal data.
    pub email: Option<String>,
    /// Personal data.
    pub phone: Option<String>,
    /// A language and region, such as de-DE.
    pub locale: Option<String>,
}

/// A postal address.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewAddress)]
pub struct AddressBody {
    /// Who lives there.
    pub name: Option<String>,
    /// The company, if it is one.
    pub company: Option<String>,
    /// Street and house number.
    pub address1: Option<String>,
    /// What else the carrier must know.
    pub address2: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State, province or region.
    pub region: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2, in capital letters.
    #[schema(pattern = "^[A-Z]{2}$", example = "DE")]
    pub country_code: Option<String>,
}

/// How it is to be delivered.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewDeliveryMethod)]
pub struct DeliveryMethodBody {
    /// The caller's code for it.
    pub code: String,
    /// Its name, for people.
    pub name: Option<String>,
    /// How fast, in the carrier's words.
    pub service_level: Option<String>,
}

/// One line.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewLine)]
pub struct LineBody<'a> {
    /// What is ordered; case-sensitive.
    #[schema(example = "MUG-1")]
    pub sku: String,
    /// Its name, for people.
    pub name: Option<String>,
    /// Units: a whole number from 1; 2 and 2.0 are the same one.
    #[serde(borrow)]
    #[schema(value_type = i64)]
    pub quantity: Text<'a>,
    /// Price of one unit; it may have four digits more than the currency.
    #[serde(borrow)]
    #[schema(value_type = super::schemas::Amount)]
    pub unit_price: Text<'a>,
    /// Taken off the line as a whole.
    #[serde(borrow)]
    #[schema(value_type = Option<super::schemas::Amount>)]
    pub discount: Text<'a>,
    /// Of the line as a whole.
    #[serde(borrow)]
    #[schema(value_type = Option<super::schemas::Amount>)]
    pub tax: Text<'a>,
    /// False for what is not sent; true by default.
    pub requires_shipping: Option<bool>,
    /// An object of the caller's own, kept as it was sent.
    #[serde(borrow)]
    #[schema(value_type = Option<Object>)]
    pub metadata: Text<'a>,
}

/// A charge beside the lines.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewCharge)]
pub struct ChargeBody<'a> {
    /// The caller's code for the charge.
    pub code: String,
    /// Its price.
    #[serde(borrow)]
    #[schema(value_type = super::schemas::Amount)]
    pub price: Text<'a>,
    /// Its tax.
    #[serde(borrow)]
    #[schema(value_type = Option<super::schemas::Amount>)]
    pub tax: Text<'a>,
}

/// A hold that is not just its reason's name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewHold)]
pub struct HoldBody {
    /// Why.
    pub reason: String,
}
