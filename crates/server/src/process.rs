//! A serving process from start to stop: it opens the store, listens, starts roles and reports that it is ready. On a
//! signal it stops accepting, answers the accepted requests, stops the roles and closes the store.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use waybill_broker::pair::Pair;

use crate::app::{App, BUILD};
use crate::auth::AccessRoles;
use crate::backend;
use crate::brokers::{self, Outside};
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigErrors, Profile, Settings, check_safety};
use crate::http::listen::{self, BindError};
use crate::http::{descriptors, serve};
use crate::observe::logs;
use crate::random::Entropy;
use crate::redis;
use crate::roles::running;
use crate::roles::service::WrongStore;
use crate::roles::tasks::RoleTasks;
use crate::samples::Sampling;
use crate::vendors::configured;

/// Why a process did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Settings(#[from] ConfigErrors),
    #[error(transparent)]
    Store(#[from] waybill_store::Error),
    #[error(transparent)]
    WrongStore(#[from] WrongStore),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("the operating system gives no randomness: {0}")]
    Entropy(std::io::Error),
    #[error("cannot listen for signals: {0}")]
    Signal(std::io::Error),
}

/// A process that answers requests; passed to the caller's `ready`.
pub struct Ready {
    pub app: Arc<App>,
    pub addresses: Vec<SocketAddr>,
}

/// Whether a shared store is migrated before it is opened. The embedded one always is, because no other process uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migrate {
    First,
    Never,
}

/// Serves until SIGTERM or SIGINT. `ready` is called once requests are answered.
///
/// # Errors
/// [`StartError`], before anything was accepted.
pub async fn serve(
    settings: Settings,
    migrate: Migrate,
    ready: impl FnOnce(&Ready),
) -> Result<(), StartError> {
    let starting = Starting::new(settings.profile, migrate)?;
    brokers::check(&settings)?;
    let outside = brokers::of(&settings);
    let service = starting.start(settings, outside).await?;
    let signals = starting.until_signal(vec![service.stopping()]);
    ready(&service.ready);
    service.finish().await;
    signals.abort();
    tracing::info!("stopped");
    Ok(())
}

/// Serves the order service and the delivery service in one process, a store each, until SIGTERM or SIGINT. What one
/// publishes is handed to the other without a broker.
///
/// # Errors
/// [`StartError`], before anything was accepted.
pub async fn serve_pair(
    [orders, delivery]: [Settings; 2],
    migrate: Migrate,
    ready: impl FnOnce(&Ready, &Ready),
) -> Result<(), StartError> {
    let (to_delivery, to_orders) = (Arc::new(Pair::new()), Arc::new(Pair::new()));
    let starting = Starting::new(orders.profile, migrate)?;
    let orders = starting
        .start(orders, Some(Outside::published_by(to_delivery.clone())))
        .await?;
    let delivery = match starting
        .start(delivery, Some(Outside::published_by(to_orders.clone())))
        .await
    {
        Ok(delivery) => delivery,
        Err(error) => {
            orders.stopping().cancel();
            orders.finish().await;
            return Err(error);
        }
    };
    to_delivery.connect(delivery.tasks.receivers());
    to_orders.connect(orders.tasks.receivers());
    let signals = starting.until_signal(vec![orders.stopping(), delivery.stopping()]);
    ready(&orders.ready, &delivery.ready);
    let (orders, delivery) = tokio::join!(orders.answered(), delivery.answered());
    // Each relay hands events to the other store, so both relays have stopped before a store is closed.
    let (orders, delivery) = tokio::join!(orders.idle(), delivery.idle());
    tokio::join!(orders.store.close(), delivery.store.close());
    signals.abort();
    tracing::info!("stopped");
    Ok(())
}

/// What the services of a process have in common.
struct Starting {
    migrate: Migrate,
    hangups: Hangups,
    stops: StopSignals,
    entropy: Arc<Entropy>,
    clock: Arc<dyn Clock>,
}

impl Starting {
    fn new(profile: Profile, migrate: Migrate) -> Result<Self, StartError> {
        Ok(Self {
            migrate,
            hangups: Hangups::listen(profile)?,
            stops: StopSignals::listen()?,
            entropy: Arc::new(Entropy::from_os().map_err(StartError::Entropy)?),
            clock: Arc::new(SystemClock),
        })
    }

    async fn start(
        &self,
        settings: Settings,
        outside: Option<Outside>,
    ) -> Result<Service, StartError> {
        check_safety(&settings)?;
        redis::check(&settings)?;
        configured::check(&settings)?;
        AccessRoles::checked(&settings)?;
        let has_outside = outside.is_some();
        running::check(BUILD.roles, &settings, has_outside)?;
        let mut options = serve::Options::from(&settings.server);
        options.max_connections = connections(&settings);
        // The port is bound first: a process that cannot listen must not touch the data.
        let listeners = listen::bind(&settings.listen_addresses())?;
        let addresses = listeners
            .iter()
            .filter_map(|l| l.local_addr().ok())
            .collect();
        if self.migrate == Migrate::First && settings.database_url().is_some() {
            backend::migrate(&settings, &self.clock, &self.entropy).await?;
        }
        let (clock, entropy) = (self.clock.clone(), self.entropy.clone());
        let app = App::start(settings, BUILD, clock, entropy, outside).await?;
        if let Err(error) = app.check_service().await {
            app.store.close().await;
            return Err(error.into());
        }
        let (tasks, sampling) = (app.start_roles(), app.start_samples());
        let (connections, stop) = (app.connections.clone(), app.stopping.clone());
        let serving = serve::serve(listeners, app.router(), options, connections, stop);
        Ok(Service {
            served: tokio::spawn(serving),
            tasks,
            sampling,
            ready: Ready { app, addresses },
        })
    }

    /// Asks services to stop when a signal comes. The tasks end with the returned guard.
    fn until_signal(self, stop: Vec<CancellationToken>) -> Signals {
        let task = self.stops.cancel(stop, self.hangups.closed.clone());
        Signals([task, self.hangups.task])
    }
}

/// The tasks that listen for signals.
struct Signals([tokio::task::JoinHandle<()>; 2]);

impl Signals {
    fn abort(self) {
        self.0.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// A service that answers requests.
struct Service {
    ready: Ready,
    tasks: RoleTasks,
    sampling: Option<Sampling>,
    served: tokio::task::JoinHandle<serve::Stopped>,
}

impl Service {
    fn stopping(&self) -> CancellationToken {
        self.ready.app.stopping.clone()
    }

    /// Waits until it was asked to stop and has answered what it accepted.
    async fn answered(self) -> Answered {
        match self.served.await {
            Ok(stopped) if stopped.cut > 0 => tracing::warn!(
                connections = stopped.cut,
                "the deadline passed; connections were cut"
            ),
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the HTTP server failed"),
        }
        let app = self.ready.app;
        tracing::info!(
            accepted = app.connections.accepted.load(Ordering::Relaxed),
            "requests are answered"
        );
        Answered {
            app,
            tasks: self.tasks,
            sampling: self.sampling,
        }
    }

    /// Waits for the end, and closes the store.
    async fn finish(self) {
        self.answered().await.idle().await.store.close().await;
    }
}

/// A service that accepts no request any more.
struct Answered {
    app: Arc<App>,
    tasks: RoleTasks,
    sampling: Option<Sampling>,
}

impl Answered {
    /// Stops its roles, and has their last sample written; only its store is still open then.
    async fn idle(self) -> Arc<App> {
        self.tasks.stop().await;
        if let Some(sampling) = self.sampling {
            sampling.stop().await;
        }
        self.app
    }
}

/// As many as the settings say, if the limit on open files leaves room for them.
fn connections(settings: &Settings) -> u32 {
    let (limit, wanted) = (descriptors::raise_limit(), settings.server.max_connections);
    let connections = descriptors::connections_within(limit, wanted);
    if connections < wanted {
        tracing::warn!(
            open_files_limit = limit,
            connections,
            "the limit on open files leaves room for fewer connections than server.max_connections, which is {wanted}: raise it (LimitNOFILE= in systemd, ulimit -n), or lower the setting"
        );
    }
    connections
}

/// What SIGHUP does: a server reopens its log files, so that a rotation that renamed them takes effect. `demo` treats it
/// as its terminal closing: it answers the accepted requests and stops.
struct Hangups {
    task: tokio::task::JoinHandle<()>,
    closed: Arc<Notify>,
}

impl Hangups {
    fn listen(profile: Profile) -> Result<Self, StartError> {
        let mut hangup = signal(SignalKind::hangup()).map_err(StartError::Signal)?;
        let closed = Arc::new(Notify::new());
        let terminal = closed.clone();
        let task = tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                if profile == Profile::Demo {
                    terminal.notify_one();
                    continue;
                }
                match logs::reopen() {
                    Ok(files) => tracing::info!(files, "SIGHUP: log files reopened"),
                    Err(error) => {
                        tracing::error!(%error, "SIGHUP: log files could not be reopened, the former ones stay in use");
                    }
                }
            }
        });
        Ok(Self { task, closed })
    }
}

/// SIGTERM and SIGINT. They are listened to before anything is answered: a signal that comes earlier than that would end
/// the process without a word, and one that comes while it starts stops it as soon as it has.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn listen() -> Result<Self, StartError> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(StartError::Signal)?,
            interrupt: signal(SignalKind::interrupt()).map_err(StartError::Signal)?,
        })
    }

    /// Cancels all tokens when a signal comes, or when the terminal is closed.
    fn cancel(
        mut self,
        stop: Vec<CancellationToken>,
        closed: Arc<Notify>,
    ) -> tokio::task::JoinHandle<()> {
        tokio::spawn(async move {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
                () = closed.notified() => {}
            }
            tracing::info!("stopping: answering what was accepted");
            stop.iter().for_each(CancellationToken::cancel);
        })
    }
}
