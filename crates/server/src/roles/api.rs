//! The role `api`: answers requests of clients. It has no consumer.

use super::definition::RoleDefinition;
use crate::http::dialects::{aggregator, sales, services};
use crate::http::v1;

pub static ROLE: RoleDefinition = RoleDefinition {
    name: "api",
    summary: "orders over HTTP",
    requires: None,
    optional: false,
    section: None,
    consumers: &[],
    routes: || {
        v1::api()
            .merge(aggregator::routes())
            .merge(sales::routes())
            .merge(services::orders())
    },
    prepare: |_| Box::new(|_, _| {}),
};
