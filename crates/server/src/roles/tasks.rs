//! The running tasks of roles: a lease manager for each. Stopping waits until each has finished its work and released
//! its leases.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use waybill_broker::receiver::Receiver;
use waybill_broker::subscriber::Subscriber;
use waybill_store::{EffectStore, InboxStore, Store};

use crate::brokers::{Outside, exchanges};
use crate::config::Settings;
use crate::consumers::combined::CombinedTurns;
use crate::consumers::handler::Handler;
use crate::consumers::inbox::{Inbox, InboxName, RetryingInbox};
use crate::consumers::lease_manager::LeaseManager;
use crate::consumers::leases::{ConsumerId, LeaseTerms};
use crate::consumers::partition_task::PartitionTask;
use crate::consumers::resources::ConsumerResources;
use crate::inventory::Guarded;
use crate::vendors::Callers;

/// What the tasks of every role are built from.
pub struct RoleResources {
    pub settings: Settings,
    pub consumers: ConsumerResources,
    /// A role uses only the rows that it owns.
    pub store: Arc<dyn Store>,
    /// The ways to vendors, each behind one circuit breaker for all roles.
    pub vendors: Arc<Callers>,
    /// The inventory service, if there is one.
    pub inventory: Option<Arc<Guarded>>,
    /// The way to other stores, if this process has one.
    pub outside: Option<Outside>,
    /// The combined turns of delivery and status, if this process runs both on a store that holds the rows of both.
    pub combined: Option<Arc<CombinedTurns>>,
}

impl RoleResources {
    /// Whether delivery lives in another store: orders and deliveries then learn of each other by their events.
    #[must_use]
    pub fn exchanges(&self) -> bool {
        exchanges(&self.settings, self.outside.is_some())
    }
}

/// The tasks of this process's roles, running.
pub struct RoleTasks {
    managers: JoinSet<()>,
    stop: CancellationToken,
    terms: LeaseTerms,
    consumers: ConsumerResources,
    owner: String,
    inboxes: Vec<Arc<dyn Receiver>>,
    /// The setting `inbox.tenants`.
    tenants: Vec<String>,
    subscriber: Option<Arc<dyn Subscriber>>,
}

impl RoleTasks {
    /// None yet. `owner` is this process on its leases.
    #[must_use]
    pub fn new(resources: &RoleResources, owner: &str) -> Self {
        let identity = resources.consumers.log.identity();
        Self {
            managers: JoinSet::new(),
            stop: CancellationToken::new(),
            terms: LeaseTerms::of(&resources.settings.consumers, identity),
            consumers: resources.consumers.clone(),
            owner: owner.to_owned(),
            inboxes: vec![],
            tenants: resources.settings.inbox.tenants.clone(),
            subscriber: resources
                .outside
                .as_ref()
                .and_then(|outside| outside.subscriber.clone()),
        }
    }

    /// Takes the events of another store for a handler, and retries and settles what is parked or waits.
    pub fn receive<H: Handler>(
        &mut self,
        name: InboxName,
        sources: Arc<dyn InboxStore>,
        store: Arc<dyn EffectStore<H::Effect>>,
        handler: H,
    ) {
        let handler = Arc::new(handler);
        let inbox = Inbox::new(name, &self.consumers, sources, store, handler);
        let inbox = inbox.of_tenants(&self.tenants);
        let inbox = Arc::new(inbox.copying_dead_letters_to(self.subscriber.clone()));
        self.inboxes.push(inbox.clone());
        self.keep(RetryingInbox::new(inbox));
    }

    /// Lets a broker hand the events of other stores to what takes them.
    pub fn subscribe(&mut self, subscriber: &Arc<dyn Subscriber>) {
        for inbox in &self.inboxes {
            let (subscriber, inbox, stop) = (subscriber.clone(), inbox.clone(), self.stop.clone());
            self.managers
                .spawn(async move { subscriber.run(inbox, stop).await });
        }
    }

    /// What takes the events of another store.
    #[must_use]
    pub fn receivers(&self) -> Vec<Arc<dyn Receiver>> {
        self.inboxes.clone()
    }

    /// Runs a task on the partitions whose leases this process gets.
    pub fn keep(&mut self, task: impl PartitionTask) {
        let manager = LeaseManager {
            leases: Arc::new(self.consumers.log.clone()),
            clock: self.consumers.contexts.clock.clone(),
            metrics: self.consumers.metrics.clone(),
            id: ConsumerId {
                consumer: task.consumer(),
                owner: self.owner.clone(),
            },
            terms: self.terms,
            task,
        };
        self.managers.spawn(manager.run(self.stop.clone()));
    }

    /// Asks all to stop and waits until they have.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.managers.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a role's task failed");
            }
        }
    }
}
