//! Schemas of the specification whose types live in the domain, which does not know HTTP.
//!
//! The lists of names come from the domain's own enums, so they cannot differ.

use serde::Serialize;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};
use waybill_domain::order::HoldReason as DomainHoldReason;
use waybill_domain::shipment::ShipmentStatus as DomainShipmentStatus;
use waybill_domain::status::OrderStatus as DomainOrderStatus;

macro_rules! names_of {
    ($(#[$doc:meta])* $name:ident, $all:expr) => {
        $(#[$doc])*
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let names = $all.iter().map(|value| value.as_str());
                ObjectBuilder::new()
                    .schema_type(SchemaType::new(Type::String))
                    .enum_values(Some(names))
                    .into()
            }
        }

        impl ToSchema for $name {}
    };
}

names_of!(
    /// Where an order stands.
    OrderStatus,
    DomainOrderStatus::ALL
);
names_of!(
    /// Where a shipment stands.
    ShipmentStatus,
    DomainShipmentStatus::ALL
);
names_of!(
    /// Why an order is held.
    HoldReason,
    DomainHoldReason::ALL
);

/// An RFC 3339 time in UTC.
pub struct Timestamp;

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples([serde_json::json!("2026-05-04T10:00:00Z")])
            .into()
    }
}

impl ToSchema for Timestamp {}

/// A UUID; all of ours are version 7.
pub struct Id;

impl PartialSchema for Id {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .format(Some(SchemaFormat::Custom("uuid".into())))
            .into()
    }
}

impl ToSchema for Id {}

/// A decimal string, or a JSON number, which is read from its text.
pub struct Amount;

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        let types = SchemaType::from_iter([Type::String, Type::Number]);
        ObjectBuilder::new()
            .schema_type(types)
            .examples([serde_json::json!("12.90")])
            .into()
    }
}

impl ToSchema for Amount {}

/// A postal address.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    name: Option<String>,
    company: Option<String>,
    address1: Option<String>,
    address2: Option<String>,
    city: Option<String>,
    region: Option<String>,
    postal_code: Option<String>,
    #[schema(example = "DE")]
    country_code: Option<String>,
}

/// Units of a line of the order.
#[derive(Serialize, ToSchema)]
pub struct ShipmentLine {
    /// The line's id.
    #[schema(example = "1")]
    line: String,
    quantity: i64,
}
