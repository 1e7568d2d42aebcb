//! What each group of routes gets of the running system.

use std::sync::Arc;

use axum::Router;
use waybill_store::InboxStore;

use super::App;
use crate::auth::{Clients, Identity, Scopes, StoredClients};
use crate::commands::{CommandQueue, OrderCommands, ShipmentCommands, StockCommands};
use crate::config::Profile;
use crate::http::access::Access;
use crate::http::dialects::aggregator::api::AggregatorApi;
use crate::http::dialects::sales::api::{SalesApi, SalesFigures};
use crate::http::dialects::services::api::{DeliveriesApi, ServicesApi, TokensApi};
use crate::http::edge::Edge;
use crate::http::health::HealthApi;
use crate::http::metrics::MetricsApi;
use crate::http::requests::Requests;
use crate::http::router::{self, RoleRoutes};
use crate::http::state::HttpState;
use crate::http::v1::apis::{
    ClientsApi, DeadLettersApi, FollowApi, InboxApi, OrdersApi, RelayApi, SamplesApi, ShipmentsApi,
    StockApi, VendorsApi,
};
use crate::http::v1::follower::{self, LogEnd};
use crate::http::v1::hub::Hub;
use crate::intake::place::Placing;
use crate::resilience::shared_limit::Limiter;
use crate::resilience::wrong_secrets::WrongSecrets;

impl App {
    /// All routes of this process. Starts the task that wakes streams; it ends when the process stops.
    pub fn router(&self) -> Router {
        let settings = &self.settings;
        let queue_time = settings.intake.wait_ms.max(settings.commands.wait_ms);
        let edge = Edge {
            access: self.access(),
            limiter: self.limiter("requests", self.settings.server.rate_limit_per_minute),
            dialects: self.build.dialects,
            profile: self.settings.profile,
            server: self.settings.server.clone(),
            queue_time: queue_time.duration(),
            entropy: self.entropy.clone(),
            metrics: self.metrics.clone(),
        };
        let roles = self.build.roles.iter().map(|role| RoleRoutes {
            name: role.name,
            runs: settings.runs(role.name),
            routes: (role.routes)(),
        });
        router::router(
            self.http_state(),
            Arc::new(edge),
            &settings.limits,
            roles.collect(),
        )
    }

    fn http_state(&self) -> HttpState {
        let hub = self.hub();
        let requests = Arc::new(Requests {
            access: self.access(),
            bodies: self.bodies.clone(),
            server: self.settings.server.clone(),
            limits: self.settings.limits.clone(),
            // The setting's own bound is far below i64's.
            key_window_ms: self.settings.idempotency.window_ms.as_i64(),
        });
        let placing = Arc::new(Placing {
            intake: self.intake.clone(),
            store: self.store.clone(),
            inventory: self.inventory.clone(),
            contexts: self.contexts(),
            tally: self.sampled.tally.clone(),
            sourcing_ms: self.settings.vendors.order_timeout_ms.as_i64(),
        });
        HttpState {
            orders: Arc::new(self.orders(&requests, &placing)),
            follow: Arc::new(self.follow(&requests, &hub)),
            stock: Arc::new(self.stock(&requests)),
            shipments: Arc::new(self.shipments(&requests)),
            dead_letters: Arc::new(self.dead_letters(&requests)),
            relay: Arc::new(self.relay(&requests)),
            clients: Arc::new(self.clients(&requests)),
            vendors: Arc::new(self.vendors(&requests)),
            inbox: Arc::new(self.inbox(&requests)),
            samples: Arc::new(self.samples(&requests)),
            aggregator: Arc::new(self.aggregator(&requests, &placing, &hub)),
            sales: Arc::new(self.sales(&requests, &placing)),
            sales_figures: Arc::new(self.sales_figures()),
            services: Arc::new(self.services(&requests, &placing)),
            deliveries: Arc::new(self.deliveries(&requests)),
            tokens: Arc::new(self.tokens(&requests)),
            health: Arc::new(self.health()),
            metrics: Arc::new(self.figures(hub)),
        }
    }

    /// A limit on the requests of each client, shared with the other processes where there is a Redis.
    fn limiter(&self, name: &'static str, per_minute: u32) -> Option<Limiter> {
        let sharing = self.redis.as_ref().map(|redis| redis.sharing.clone());
        let clients = self.settings.server.rate_limit_clients;
        Limiter::of(name, per_minute, clients, sharing)
    }

    fn access(&self) -> Access {
        Access {
            verifier: self.verifier.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
        }
    }

    fn hub(&self) -> Arc<Hub> {
        let log = LogEnd {
            store: self.store.clone(),
            cache: self.log_cache.clone(),
            growth: self.log_growth.clone(),
            poll_interval: self.settings.consumers.poll_interval_ms.duration(),
        };
        let most = self.settings.server.max_streams as usize;
        follower::start(log, most, self.stopping.clone())
    }

    fn orders(&self, requests: &Arc<Requests>, placing: &Arc<Placing>) -> OrdersApi {
        OrdersApi {
            requests: requests.clone(),
            reads: self.reads.clone(),
            placing: placing.clone(),
            archive: self.store.clone(),
            commands: self.order_commands(),
            identity: self.store.identity().clone(),
            rounding: self.settings.orders.rounding,
        }
    }

    fn follow(&self, requests: &Arc<Requests>, hub: &Arc<Hub>) -> FollowApi {
        FollowApi {
            requests: requests.clone(),
            reads: self.reads.clone(),
            identity: self.store.identity().clone(),
            hub: hub.clone(),
            streams: self.streams.clone(),
            stopping: self.stopping.clone(),
            poll_interval: self.settings.consumers.poll_interval_ms.duration(),
        }
    }

    fn stock(&self, requests: &Arc<Requests>) -> StockApi {
        StockApi {
            requests: requests.clone(),
            reads: self.reads.clone(),
            commands: StockCommands {
                store: self.store.clone(),
                claims: self.store.clone(),
                queue: self.command_queue(),
            },
            contexts: self.contexts(),
            vendor_interval_ms: self.vendor_interval_ms(),
        }
    }

    fn shipments(&self, requests: &Arc<Requests>) -> ShipmentsApi {
        ShipmentsApi {
            requests: requests.clone(),
            reads: self.reads.clone(),
            commands: self.shipment_commands(),
        }
    }

    fn order_commands(&self) -> OrderCommands {
        OrderCommands {
            store: self.store.clone(),
            archive: self.store.clone(),
            claims: self.store.clone(),
            contexts: self.contexts(),
            queue: self.command_queue(),
        }
    }

    fn shipment_commands(&self) -> ShipmentCommands {
        ShipmentCommands {
            store: self.store.clone(),
            claims: self.store.clone(),
            contexts: self.contexts(),
            queue: self.command_queue(),
        }
    }

    fn command_queue(&self) -> CommandQueue {
        CommandQueue {
            turns: self.turns.clone(),
            wait: self.settings.commands.wait_ms.duration(),
            entropy: self.entropy.clone(),
        }
    }

    fn dead_letters(&self, requests: &Arc<Requests>) -> DeadLettersApi {
        DeadLettersApi {
            requests: requests.clone(),
            reads: self.reads.clone(),
            identity: self.store.identity().clone(),
            log: self.store.clone(),
            claims: self.store.clone(),
        }
    }

    fn relay(&self, requests: &Arc<Requests>) -> RelayApi {
        RelayApi {
            requests: requests.clone(),
            reads: self.reads.clone(),
            relay: self.store.clone(),
            claims: self.store.clone(),
            contexts: self.contexts(),
        }
    }

    fn clients(&self, requests: &Arc<Requests>) -> ClientsApi {
        ClientsApi {
            requests: requests.clone(),
            reads: self.reads.clone(),
            store: self.store.clone(),
            claims: self.store.clone(),
            contexts: self.contexts(),
            queue: self.command_queue(),
        }
    }

    fn vendors(&self, requests: &Arc<Requests>) -> VendorsApi {
        VendorsApi {
            requests: requests.clone(),
            reads: self.reads.clone(),
            store: self.store.clone(),
            claims: self.store.clone(),
            contexts: self.contexts(),
            queue: self.command_queue(),
            plain_http: self.settings.vendors.plain_http,
            interval_ms: self.vendor_interval_ms(),
        }
    }

    /// How often the stock of vendors is read.
    fn vendor_interval_ms(&self) -> i64 {
        self.settings.vendors.sync_interval_ms.as_i64()
    }

    fn inbox(&self, requests: &Arc<Requests>) -> InboxApi {
        InboxApi {
            requests: requests.clone(),
            reads: self.reads.clone(),
            inbox: self.store.clone(),
        }
    }

    fn samples(&self, requests: &Arc<Requests>) -> SamplesApi {
        SamplesApi {
            requests: requests.clone(),
            reads: self.reads.clone(),
            contexts: self.contexts(),
        }
    }

    fn aggregator(
        &self,
        requests: &Arc<Requests>,
        placing: &Arc<Placing>,
        hub: &Arc<Hub>,
    ) -> AggregatorApi {
        AggregatorApi {
            requests: requests.clone(),
            reads: self.reads.clone(),
            placing: placing.clone(),
            commands: self.order_commands(),
            hub: hub.clone(),
            stopping: self.stopping.clone(),
            rounding: self.settings.orders.rounding,
            guest: self.guest(),
        }
    }

    fn sales(&self, requests: &Arc<Requests>, placing: &Arc<Placing>) -> SalesApi {
        SalesApi {
            requests: requests.clone(),
            reads: self.reads.clone(),
            placing: placing.clone(),
            orders: self.store.clone(),
            shipments: self.shipment_commands(),
            log: self.store.clone(),
            carrier: self.carrier(),
            delivery_is_elsewhere: self.exchanges() && !self.settings.runs("delivery"),
            rounding: self.settings.orders.rounding,
        }
    }

    fn services(&self, requests: &Arc<Requests>, placing: &Arc<Placing>) -> ServicesApi {
        ServicesApi {
            requests: requests.clone(),
            reads: self.reads.clone(),
            placing: placing.clone(),
            rounding: self.settings.orders.rounding,
            duplicate_window_ms: self.settings.duplicates.window_ms.as_i64(),
        }
    }

    fn deliveries(&self, requests: &Arc<Requests>) -> DeliveriesApi {
        DeliveriesApi {
            requests: requests.clone(),
            reads: self.reads.clone(),
            commands: self.shipment_commands(),
            guest: self.guest(),
        }
    }

    /// Who calls without a token, where that is allowed.
    fn guest(&self) -> Option<Arc<Identity>> {
        let guest = Identity {
            subject: "guest".into(),
            tenant: "default".into(),
            scopes: Scopes::default(),
            until_micros: i64::MAX,
        };
        self.is_demo().then(|| Arc::new(guest))
    }

    fn tokens(&self, requests: &Arc<Requests>) -> TokensApi {
        let settings = &self.settings;
        let stored = Arc::new(StoredClients(self.reads.clone()));
        TokensApi {
            requests: requests.clone(),
            clients: Clients::new(settings.profile, stored),
            limiter: self.limiter("tokens", settings.auth.token_requests_per_minute),
            wrong_secrets: WrongSecrets::of(
                settings.auth.wrong_secrets_per_minute,
                settings.server.rate_limit_clients,
            ),
            auth: settings.auth.clone(),
            is_inspection_open: self.is_demo(),
        }
    }

    fn is_demo(&self) -> bool {
        self.settings.profile == Profile::Demo
    }

    fn sales_figures(&self) -> SalesFigures {
        SalesFigures {
            access: self.access(),
            metrics: self.metrics.clone(),
            store: self.store.clone(),
            inventory: self.inventory.clone(),
            contexts: self.contexts(),
            started_at: self.started_at,
        }
    }

    fn health(&self) -> HealthApi {
        let outside = self.outside.as_ref();
        HealthApi {
            service: self.service.get().copied(),
            broker: outside.and_then(|outside| outside.link.clone()),
            redis: self.redis.clone(),
            store: self.store.clone(),
            inventory: self.inventory.clone(),
            inbox: self.exchanges().then(|| {
                let inbox: Arc<dyn InboxStore> = self.store.clone();
                inbox
            }),
            vendors: self.store.clone(),
            vendor_interval_ms: self.vendor_interval_ms(),
            contexts: self.contexts(),
            started_at: self.started_at,
            stopping: self.stopping.clone(),
        }
    }

    fn figures(&self, hub: Arc<Hub>) -> MetricsApi {
        let embedded = self.settings.database_url().is_none();
        MetricsApi {
            access: self.access(),
            is_open: self.is_demo(),
            metrics: self.metrics.clone(),
            store: self.store.clone(),
            data: embedded.then(|| self.settings.store.data.clone().into()),
            log_cache: self.log_cache.clone(),
            intake: self.intake.clone(),
            inventory: self.inventory.clone(),
            redis: self.redis.clone(),
            connections: self.connections.clone(),
            bodies: self.bodies.clone(),
            hub,
            contexts: self.contexts(),
            started_at: self.started_at,
        }
    }
}
