//! Starting and stopping roles. One that fails is started again after a pause; stopping waits for each to come to
//! rest.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use waybill_store::Error as StoreError;

use super::consumer;
use super::delivery::DeliveryHandler;
use super::status::StatusHandler;
use super::{carrier, housekeeping};
use crate::app::App;
use crate::config::Role;

/// The roles of this process, running.
pub struct Roles {
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Roles {
    /// Starts every role the settings name.
    #[must_use]
    pub fn start(app: &Arc<App>) -> Self {
        let mut roles = Self {
            tasks: JoinSet::new(),
            stop: CancellationToken::new(),
        };
        if app.settings.runs(Role::Delivery) {
            let limit = app.settings.delivery.batch_limit as usize;
            roles.keep(app, "delivery", move |app, stop| {
                consumer::run(app, DeliveryHandler, limit, stop)
            });
            roles.keep(app, carrier::CONSUMER, carrier::run);
        }
        if app.settings.runs(Role::Status) {
            let limit = app.settings.status.batch_limit as usize;
            roles.keep(app, "status", move |app, stop| {
                consumer::run(app, StatusHandler, limit, stop)
            });
        }
        if app.settings.runs(Role::Housekeeping) {
            roles.keep(app, "housekeeping", |app, stop| async move {
                housekeeping::run(app, stop).await;
                Ok(())
            });
        }
        roles
    }

    fn keep<F, R>(&mut self, app: &Arc<App>, name: &'static str, run: F)
    where
        F: Fn(Arc<App>, CancellationToken) -> R + Send + 'static,
        R: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let (app, stop) = (app.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            while !stop.is_cancelled() {
                match run(app.clone(), stop.clone()).await {
                    Ok(()) => return,
                    Err(error) => {
                        tracing::warn!(role = name, %error, "a role stopped; it is started again");
                    }
                }
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(500)) => {}
                    () = stop.cancelled() => {}
                }
            }
        });
    }

    /// Asks all to stop and waits until they have.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a role ended badly");
            }
        }
    }
}
