//! What handlers extract as their `State`: one value per group of routes.

use std::sync::Arc;

use axum::extract::FromRef;

use super::dialects::aggregator::api::AggregatorApi;
use super::dialects::sales::api::{SalesApi, SalesFigures};
use super::dialects::services::api::{DeliveriesApi, ServicesApi, TokensApi};
use super::health::HealthApi;
use super::metrics::MetricsApi;
use super::v1::apis::{
    ClientsApi, DeadLettersApi, FollowApi, InboxApi, OrdersApi, RelayApi, SamplesApi, ShipmentsApi,
    StockApi, VendorsApi,
};

/// The groups of routes. A handler extracts its own group with `State<Arc<…>>` and sees no other.
#[derive(Clone)]
pub struct HttpState {
    pub orders: Arc<OrdersApi>,
    pub follow: Arc<FollowApi>,
    pub stock: Arc<StockApi>,
    pub shipments: Arc<ShipmentsApi>,
    pub dead_letters: Arc<DeadLettersApi>,
    pub relay: Arc<RelayApi>,
    pub clients: Arc<ClientsApi>,
    pub vendors: Arc<VendorsApi>,
    pub inbox: Arc<InboxApi>,
    pub samples: Arc<SamplesApi>,
    pub aggregator: Arc<AggregatorApi>,
    pub sales: Arc<SalesApi>,
    pub sales_figures: Arc<SalesFigures>,
    pub services: Arc<ServicesApi>,
    pub deliveries: Arc<DeliveriesApi>,
    pub tokens: Arc<TokensApi>,
    pub health: Arc<HealthApi>,
    pub metrics: Arc<MetricsApi>,
}

macro_rules! groups {
    ($($field:ident: $group:ty,)+) => {$(
        impl FromRef<HttpState> for Arc<$group> {
            fn from_ref(state: &HttpState) -> Self {
                state.$field.clone()
            }
        }
    )+};
}

groups! {
    orders: OrdersApi,
    follow: FollowApi,
    stock: StockApi,
    shipments: ShipmentsApi,
    dead_letters: DeadLettersApi,
    relay: RelayApi,
    clients: ClientsApi,
    vendors: VendorsApi,
    inbox: InboxApi,
    samples: SamplesApi,
    aggregator: AggregatorApi,
    sales: SalesApi,
    sales_figures: SalesFigures,
    services: ServicesApi,
    deliveries: DeliveriesApi,
    tokens: TokensApi,
    health: HealthApi,
    metrics: MetricsApi,
}
