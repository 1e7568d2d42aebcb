//! The composition root: opens the store, builds everything once at start-up, and gives each part what it needs.
//!
//! Invariant: only start-up code uses [`App`]; handlers, intake, commands and roles get values of their own.

mod http;

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;
use waybill_broker::embedded::CommitFanOut;
use waybill_broker::log_cache::LogCache;
use waybill_broker::log_growth::LogGrowth;
use waybill_domain::retry::RetrySchedule;
use waybill_domain::service::Service;
use waybill_domain::time::Time;
use waybill_store::reads::Reads;
use waybill_store::{OrderStore, Store, StoreBase};

use crate::auth::Verifier;
use crate::backend;
use crate::brokers::{self, Outside};
use crate::carrier::SimulatedCarrier;
use crate::clock::{Clock, FollowedClock};
use crate::config::Settings;
use crate::consumers::background::Background;
use crate::consumers::combined::CombinedTurns;
use crate::consumers::inbox::EventSource;
use crate::consumers::owner::Owner;
use crate::consumers::resources::ConsumerResources;
use crate::context::ContextSource;
use crate::http::dialects::{self, Dialects};
use crate::http::serve::Connections;
use crate::intake::Intake;
use crate::inventory::{self, Guarded};
use crate::observe::metrics::{Metrics, PREFIX};
use crate::random::Entropy;
use crate::redis::{self, Redis};
use crate::resilience::budget::BodyBudget;
use crate::resilience::flood::Flood;
use crate::resilience::shares::Shares;
use crate::resilience::turns::Turns;
use crate::roles::definition::Registry;
use crate::roles::running::PreparedRoles;
use crate::roles::service::{self, WrongStore};
use crate::roles::tasks::{RoleResources, RoleTasks};
use crate::roles::{self, delivery};
use crate::samples::{self, Collector, SampleWriter, Sampling};
use crate::vendors::Callers;

/// Events kept in memory for consumers and streams.
const CACHED_EVENTS: usize = 8_192;

/// What can differ between builds: the lists that a new role or dialect is added to.
#[derive(Clone, Copy)]
pub struct Build {
    pub roles: Registry,
    pub dialects: Dialects,
}

/// This build.
pub const BUILD: Build = Build {
    roles: roles::ALL,
    dialects: dialects::ALL,
};

/// The running system.
pub struct App {
    pub settings: Settings,
    pub store: Arc<dyn Store>,
    /// Runs the reads of callers.
    pub reads: Arc<Reads>,
    /// The newest events of a log that this process alone writes.
    pub log_cache: Arc<LogCache>,
    /// Wakes readers of the log.
    pub log_growth: Arc<LogGrowth>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<Entropy>,
    pub verifier: Arc<Verifier>,
    /// Memory for bodies that are being received.
    pub bodies: Arc<BodyBudget>,
    /// Counts the streams of each client.
    pub streams: Arc<Shares>,
    pub intake: Arc<Intake>,
    /// Commands on one order, shipment or stock row, one after another.
    pub turns: Arc<Turns>,
    pub inventory: Option<Arc<Guarded>>,
    pub metrics: Arc<Metrics>,
    /// What this process counts for its samples.
    sampled: samples::Sources,
    /// Of the listeners, for metrics.
    pub connections: Arc<Connections>,
    /// Bounds the concurrent background work of roles.
    pub background: Arc<Background>,
    /// Cancelled when the process is asked to stop; long answers end by it.
    pub stopping: CancellationToken,
    /// The name of this process on its leases.
    pub owner: String,
    pub started_at: Time,
    build: Build,
    prepared: PreparedRoles,
    /// Whose store it is, since that was checked.
    service: OnceLock<Service>,
    /// The way to other stores.
    outside: Option<Outside>,
    /// What the processes of this installation share beside the store.
    redis: Option<Redis>,
}

impl App {
    /// Opens the store and builds everything that uses it. Does not start roles. `outside` is the way to
    /// other stores; the caller has checked that the process has one if it runs the role `relay`
    /// (`roles::running::check`).
    ///
    /// # Errors
    /// The store cannot be opened.
    pub async fn start(
        settings: Settings,
        build: Build,
        clock: Arc<dyn Clock>,
        entropy: Arc<Entropy>,
        outside: Option<Outside>,
    ) -> Result<Arc<Self>, waybill_store::Error> {
        let log_cache = Arc::new(LogCache::new(CACHED_EVENTS));
        let log_growth: Arc<LogGrowth> = Arc::default();
        let mut registry = prometheus_client::registry::Registry::with_prefix(PREFIX);
        let sampled = samples::Sources::register(&mut registry);
        let listener = sampled.listen_before(CommitFanOut {
            cache: log_cache.clone(),
            growth: log_growth.clone(),
        });
        let followed = Arc::new(FollowedClock::beside(clock));
        let clock: Arc<dyn Clock> = followed.clone();
        let store = backend::open(&settings, &clock, &entropy, listener).await?;
        let stopping = CancellationToken::new();
        if followed.look(store.as_ref()).await? {
            let clock_of: Arc<dyn StoreBase> = store.clone();
            let clock_of = Arc::downgrade(&clock_of);
            tokio::spawn(followed.follow(clock_of, stopping.clone()));
        }
        let identity = store.identity();
        if identity.one_writer {
            log_cache.start_at(store.stats().await?.log_positions.of(0));
        }
        log_growth.start(identity.partitions);
        let prepared = PreparedRoles::of(build.roles, &mut registry);
        let metrics = Arc::new(Metrics::beside(registry));
        let circuits = &sampled.circuits;
        let flood = Arc::new(Flood::default());
        let orders: Arc<dyn OrderStore> = store.clone();
        let intake = Arc::new(Intake::start(&orders, &settings.intake, &metrics, &flood));
        let now = Time(clock.now_micros());
        let installation = &store.identity().store_id;
        let time = clock.clone();
        let redis = redis::of(&settings, installation, time, &stopping, circuits).await;
        let (time, random) = (clock.clone(), entropy.clone());
        let inventory = inventory::of_settings(&settings, time, random, circuits).map(Arc::new);
        Ok(Arc::new(Self {
            verifier: Arc::new(Verifier::new(&settings.auth)),
            bodies: BodyBudget::new(&settings.server),
            streams: Shares::of(
                settings.server.max_streams.into(),
                settings.server.client_share,
                1,
            ),
            turns: Turns::of(settings.commands.queue_limit as usize),
            inventory,
            owner: Owner::of_this_process(entropy.uuid_v7(now.0)).to_string(),
            connections: Arc::default(),
            background: Arc::new(background(&settings, &store, flood)),
            reads: Arc::new(backend::reads(&settings, &store)),
            stopping,
            started_at: now,
            build,
            prepared,
            service: OnceLock::new(),
            outside,
            redis,
            settings,
            store,
            log_cache,
            log_growth,
            clock,
            entropy,
            intake,
            metrics,
            sampled,
        }))
    }

    /// Checks whether this process may work on its store, which may belong to one of two services.
    ///
    /// # Errors
    /// It may not; the store is away.
    pub async fn check_service(&self) -> Result<(), WrongStore> {
        let has_outside = self.outside.is_some();
        let recorded = service::check(&*self.store, &self.settings, has_outside).await?;
        if let Some(service) = recorded {
            self.service.get_or_init(|| service);
        }
        Ok(())
    }

    /// Time and ids for decisions.
    #[must_use]
    pub fn contexts(&self) -> ContextSource {
        ContextSource {
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
        }
    }

    /// The carrier that shipments are given to.
    fn carrier(&self) -> SimulatedCarrier {
        delivery::carrier(&self.settings.section(), &self.entropy)
    }

    /// Whether this service takes events of another store.
    fn exchanges(&self) -> bool {
        brokers::exchanges(&self.settings, self.outside.is_some())
    }

    /// Starts the roles that the settings name.
    #[must_use]
    pub fn start_roles(&self) -> RoleTasks {
        let consumers = self.consumer_resources();
        let resources = RoleResources {
            settings: self.settings.clone(),
            combined: self.combined(&consumers),
            consumers,
            store: self.store.clone(),
            vendors: Arc::new(Callers::new(
                self.settings.vendors.clone(),
                self.settings.breaker.clone(),
                self.contexts().clock,
                self.sampled.circuits.clone(),
            )),
            inventory: self.inventory.clone(),
            outside: self.outside.clone(),
        };
        let mut tasks = self.prepared.start(&resources, &self.owner);
        let outside = self.outside.as_ref();
        if let Some(subscriber) = outside.and_then(|outside| outside.subscriber.as_ref()) {
            tasks.subscribe(subscriber);
        }
        tasks
    }

    /// Starts writing what this process counts; `None` when the settings want none.
    #[must_use]
    pub fn start_samples(&self) -> Option<Sampling> {
        let interval_ms = self.settings.samples.interval_ms.as_i64();
        let writer = SampleWriter {
            store: self.store.clone(),
            clock: self.clock.clone(),
            collector: Collector {
                tally: self.sampled.tally.clone(),
                intake: self.intake.clone(),
                metrics: self.metrics.clone(),
                circuits: self.sampled.circuits.clone(),
                log: self.store.clone(),
                log_cache: self.log_cache.clone(),
            },
            figures: self.sampled.figures.clone(),
            process: self.owner.clone(),
            interval_ms,
        };
        (interval_ms > 0).then(|| writer.start())
    }

    /// Where delivery and status take their turns together, if they can.
    fn combined(&self, consumers: &ConsumerResources) -> Option<Arc<CombinedTurns>> {
        let has_both = self.settings.runs("delivery") && self.settings.runs("status");
        let turns = self.store.clone().turns()?;
        (has_both && !self.exchanges()).then(|| CombinedTurns::new(consumers, turns))
    }

    /// What the consumers of this process use.
    #[must_use]
    fn consumer_resources(&self) -> ConsumerResources {
        let (consumers, retry) = (&self.settings.consumers, &self.settings.retry);
        ConsumerResources {
            log: self.store.clone(),
            log_cache: self.log_cache.clone(),
            log_growth: self.log_growth.clone(),
            background: self.background.clone(),
            metrics: self.metrics.clone(),
            contexts: self.contexts(),
            schedule: RetrySchedule {
                retries: retry.max_attempts,
                base_ms: retry.base_delay_ms.as_i64(),
                max_ms: retry.max_delay_ms.as_i64(),
            },
            poll_interval: consumers.poll_interval_ms.duration(),
            event_source: EventSource {
                url: self.settings.broker.source_url.clone(),
                token: self.settings.broker.token.clone(),
            },
            gather: consumers.gather_ms.duration(),
        }
    }
}

/// During a flood background work is rationed only on a shared store: the embedded one divides the time of its one
/// writer itself.
fn background(settings: &Settings, store: &Arc<dyn Store>, flood: Arc<Flood>) -> Background {
    let flood = Some(flood).filter(|_| !store.identity().one_writer);
    let share = settings.store.background_share;
    Background::new(settings.consumers.concurrency, share, flood)
}
