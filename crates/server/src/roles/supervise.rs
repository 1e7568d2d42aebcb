//! Starting and stopping roles: a keeper for each consumer of each role that the settings name. Stopping waits for
//! each to come to rest and to hand over what it had.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::carrier::Firing;
use super::consumer::Consuming;
use super::delivery::DeliveryHandler;
use super::housekeeping::Keeping;
use super::keeper::{Duty, Keeper, Terms, Who};
use super::status::StatusHandler;
use crate::app::App;
use crate::config::Role;

/// The roles of this process, running.
pub struct Roles {
    keepers: JoinSet<()>,
    stop: CancellationToken,
}

impl Roles {
    /// Starts every role the settings name.
    #[must_use]
    pub fn start(app: &Arc<App>) -> Self {
        let mut roles = Self {
            keepers: JoinSet::new(),
            stop: CancellationToken::new(),
        };
        let settings = &app.settings;
        let resources = app.consumer_resources();
        if settings.runs(Role::Delivery) {
            let batch_limit = settings.delivery.batch_limit;
            let handler = DeliveryHandler {
                contexts: app.contexts(),
                carrier: app.carrier(),
                timers: app.timers.clone(),
            };
            roles.keep(app, Consuming::new(&resources, handler, batch_limit));
            let (carrier, signals) = (app.carrier(), app.timers.clone());
            roles.keep(app, Firing::new(&resources, carrier, signals, batch_limit));
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
            let keeping = Keeping::new(store, app.contexts(), metrics, &settings.housekeeping);
            roles.keep(app, keeping);
        }
        roles
    }

    fn keep(&mut self, app: &Arc<App>, duty: impl Duty) {
        let keeper = Keeper {
            leases: Arc::new(app.store.clone()),
            clock: app.clock.clone(),
            metrics: app.metrics.clone(),
            who: Who {
                consumer: duty.consumer(),
                owner: app.owner.clone(),
            },
            terms: Terms::of(&app.settings.consumers, app.store.identity()),
            duty,
        };
        self.keepers.spawn(keeper.run(self.stop.clone()));
    }

    /// Asks all to stop and waits until they have.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.keepers.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a role ended badly");
            }
        }
    }
}
