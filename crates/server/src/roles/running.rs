//! Starting and stopping roles: a lease manager for each consumer of each role that the settings name. Stopping waits
//! until each has come to rest and handed back its leases.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::delivery::handler::DeliveryHandler;
use super::delivery::timer_signals::TimerSignals;
use super::delivery::timers::TimerTask;
use super::housekeeping::task::Housekeeping;
use super::status::StatusHandler;
use crate::app::App;
use crate::config::Role;
use crate::consumers::consumer::Consuming;
use crate::consumers::lease_manager::{ConsumerId, LeaseManager, LeaseTerms, PartitionTask};

/// The roles of this process, running.
pub struct Roles {
    managers: JoinSet<()>,
    stop: CancellationToken,
}

impl Roles {
    /// Starts every role the settings name.
    #[must_use]
    pub fn start(app: &Arc<App>) -> Self {
        let mut roles = Self {
            managers: JoinSet::new(),
            stop: CancellationToken::new(),
        };
        let settings = &app.settings;
        let resources = app.consumer_resources();
        if settings.runs(Role::Delivery) {
            let batch_limit = settings.delivery.batch_limit;
            let signals = Arc::new(TimerSignals::new(app.store.identity().partitions));
            let handler = DeliveryHandler {
                contexts: app.contexts(),
                carrier: app.carrier(),
                timers: signals.clone(),
            };
            roles.keep(app, Consuming::new(&resources, handler, batch_limit));
            let timers = TimerTask::new(&resources, app.carrier(), signals, batch_limit);
            roles.keep(app, timers);
        }
        if settings.runs(Role::Status) {
            let handler = StatusHandler {
                contexts: app.contexts(),
            };
            let batch_limit = settings.status.batch_limit;
            roles.keep(app, Consuming::new(&resources, handler, batch_limit));
        }
        if settings.runs(Role::Housekeeping) {
            let (store, metrics) = (app.store.clone(), app.metrics.clone());
            let keeping = Housekeeping::new(store, app.contexts(), metrics, &settings.housekeeping);
            roles.keep(app, keeping);
        }
        roles
    }

    fn keep(&mut self, app: &Arc<App>, task: impl PartitionTask) {
        let manager = LeaseManager {
            leases: Arc::new(app.store.clone()),
            clock: app.clock.clone(),
            metrics: app.metrics.clone(),
            id: ConsumerId {
                consumer: task.consumer(),
                owner: app.owner.clone(),
            },
            terms: LeaseTerms::of(&app.settings.consumers, app.store.identity()),
            task,
        };
        self.managers.spawn(manager.run(self.stop.clone()));
    }

    /// Asks all to stop and waits until they have.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.managers.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a role ended badly");
            }
        }
    }
}
