//! Schemas of the specification whose types live in the domain, which does not know HTTP.
//!
//! The lists of names come from the domain's own enums, so they cannot differ.

use serde::Serialize;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};
use waybill_domain::event::{AggregateKind, EventKind};
use waybill_domain::inbox::HeldReason as DomainHeldReason;
use waybill_domain::order::HoldReason as DomainHoldReason;
use waybill_domain::parked::ParkedState;
use waybill_domain::sample::{Circuit as DomainCircuit, Step};
use waybill_domain::shipment::ShipmentStatus as DomainShipmentStatus;
use waybill_domain::status::{
    AllocationPolicy as DomainAllocationPolicy, OrderStatus as DomainOrderStatus,
};

use crate::auth::Scope;

/// A schema of a string with a description and the names it may be.
macro_rules! names_of {
    ($name:ident, $description:literal, $all:expr) => {
        #[doc = $description]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let names = $all.iter().map(|value| value.as_str());
                ObjectBuilder::new()
                    .schema_type(SchemaType::new(Type::String))
                    .description(Some($description))
                    .enum_values(Some(names))
                    .into()
            }
        }

        impl ToSchema for $name {}
    };
}

names_of!(
    OrderStatus,
    "Where an order stands.",
    DomainOrderStatus::ALL
);
names_of!(
    ShipmentStatus,
    "Where a shipment stands.",
    DomainShipmentStatus::ALL
);
names_of!(HoldReason, "Why an order is held.", DomainHoldReason::ALL);
names_of!(
    AllocationPolicy,
    "What becomes of lines that are short.",
    DomainAllocationPolicy::ALL
);
names_of!(
    EventType,
    "What happened. New types may come; a client skips those it does not know.",
    EventKind::ALL
);
names_of!(
    AggregateType,
    "What an event belongs to.",
    AggregateKind::ALL
);
names_of!(
    DeadLetterState,
    "Waiting for its next try, dead, or flagged to be tried again or given up.",
    ParkedState::ALL
);
names_of!(SampleStep, "The length of a slot.", Step::ALL);
names_of!(Circuit, "Where a circuit stands.", DomainCircuit::ALL);
names_of!(
    HeldReason,
    "Why a message of another store waits: events of its aggregate are missing, or it cannot be read.",
    DomainHeldReason::ALL
);

/// A permission of a token.
pub struct ScopeName;

impl PartialSchema for ScopeName {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .description(Some("A permission of a token."))
            .enum_values(Some(Scope::ALL.map(Scope::name)))
            .into()
    }
}

impl ToSchema for ScopeName {}

/// An RFC 3339 time in UTC.
pub struct Timestamp;

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("An RFC 3339 time in UTC."))
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
            .description(Some("A UUID; all of ours are version 7."))
            .examples([serde_json::json!("0198c0de-0000-7000-8000-000000000001")])
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
            .description(Some(
                "An amount: a decimal string, or a number, which is read from its text.",
            ))
            .examples([serde_json::json!("12.90")])
            .into()
    }
}

impl ToSchema for Amount {}

/// An amount in an answer: always a decimal string, with the digits of its currency.
pub struct Decimal;

impl PartialSchema for Decimal {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .description(Some("An amount as a decimal string."))
            .pattern(Some(r"^-?[0-9]+(\.[0-9]+)?$"))
            .examples([serde_json::json!("12.90")])
            .into()
    }
}

impl ToSchema for Decimal {}

/// A postal address.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// Who lives there.
    name: Option<String>,
    /// The company, if it is one.
    company: Option<String>,
    /// Street and house number.
    address1: Option<String>,
    /// What else the carrier must know.
    address2: Option<String>,
    /// City.
    city: Option<String>,
    /// State, province or region.
    region: Option<String>,
    /// Postal code.
    postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[schema(example = "DE")]
    country_code: Option<String>,
}

/// Units of a line of the order.
#[derive(Serialize, ToSchema)]
pub struct ShipmentLine {
    /// The line's id.
    #[schema(example = "1")]
    line: String,
    /// Units of it.
    quantity: i64,
}
