//! The role `api`: answers requests of clients. It has no consumer.

use super::definition::RoleDefinition;
use crate::http::dialects::sales;
use crate::http::v1;

pub static ROLE: RoleDefinition = RoleDefinition {
    name: "api",
    summary: "orders over HTTP",
    requires: None,
    section: None,
    consumers: &[],
    routes: || v1::api().merge(sales::routes()),
    prepare: |_| Box::new(|_, _| {}),
};
