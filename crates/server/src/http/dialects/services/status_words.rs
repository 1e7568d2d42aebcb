//! The types of this dialect's status words in the OpenAPI document.

use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use waybill_domain::services_words::{shipment_word, status_word};
use waybill_domain::shipment::ShipmentStatus;
use waybill_domain::status::OrderStatus;

/// Where an order stands, in this dialect's words.
pub struct ServicesStatus;

impl PartialSchema for ServicesStatus {
    fn schema() -> RefOr<Schema> {
        let words = OrderStatus::ALL.iter().map(|s| status_word(*s));
        one_of("Where an order stands.", words)
    }
}

impl ToSchema for ServicesStatus {}

/// Where a shipment stands, in this dialect's words.
pub struct ServicesShipmentStatus;

impl PartialSchema for ServicesShipmentStatus {
    fn schema() -> RefOr<Schema> {
        let words = ShipmentStatus::ALL.iter().map(|s| shipment_word(*s));
        one_of("Where a shipment stands.", words)
    }
}

impl ToSchema for ServicesShipmentStatus {}

fn one_of(description: &str, words: impl Iterator<Item = &'static str>) -> RefOr<Schema> {
    let words: std::collections::BTreeSet<&str> = words.collect();
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .description(Some(description))
        .enum_values(Some(words))
        .into()
}
