//! A serving process from start to stop: it opens the store, listens, starts roles and reports that it is ready. On a
//! signal it stops accepting, answers the accepted requests, stops the roles and closes the store.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use waybill_broker::publisher::Publisher;

use crate::app::{App, BUILD};
use crate::backend;
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigErrors, Profile, Settings, check_safety};
use crate::http::listen::{self, BindError};
use crate::http::{descriptors, serve};
use crate::observe::logs;
use crate::random::Entropy;
use crate::roles::running;

/// Why a process did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Settings(#[from] ConfigErrors),
    #[error(transparent)]
    Store(#[from] waybill_store::Error),
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
    check_safety(&settings)?;
    // No broker can be configured yet; only the two stores of one process publish to each other.
    let publisher: Option<Arc<dyn Publisher>> = None;
    running::check(BUILD.roles, &settings, publisher.is_some())?;
    let hangups = Hangups::listen(settings.profile)?;
    let entropy = Arc::new(Entropy::from_os().map_err(StartError::Entropy)?);
    let addresses = settings.listen_addresses();
    let mut options = serve::Options::from(&settings.server);
    options.max_connections = connections(&settings);
    // The port is bound first: a process that cannot listen must not touch the data.
    let listeners = listen::bind(&addresses)?;
    let addresses = listeners
        .iter()
        .filter_map(|l| l.local_addr().ok())
        .collect();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    if migrate == Migrate::First && settings.database_url().is_some() {
        backend::migrate(&settings, &clock, &entropy).await?;
    }
    let app = App::start(settings, BUILD, clock, entropy, publisher).await?;
    let tasks = app.start_roles();
    let stop = app.stopping.clone();
    let signal_task = spawn_signal_task(stop.clone(), hangups.closed.clone())?;
    let connections = app.connections.clone();
    let served = tokio::spawn(serve::serve(
        listeners,
        app.router(),
        options,
        connections,
        stop,
    ));
    ready(&Ready {
        app: app.clone(),
        addresses,
    });
    match served.await {
        Ok(stopped) if stopped.cut > 0 => tracing::warn!(
            connections = stopped.cut,
            "the deadline passed; connections were cut"
        ),
        Ok(_) => {}
        Err(error) => tracing::error!(%error, "the HTTP server failed"),
    }
    tasks.stop().await;
    app.store.close().await;
    signal_task.abort();
    hangups.task.abort();
    tracing::info!(
        accepted = app.connections.accepted.load(Ordering::Relaxed),
        "stopped"
    );
    Ok(())
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

fn spawn_signal_task(
    stop: CancellationToken,
    closed: Arc<Notify>,
) -> Result<tokio::task::JoinHandle<()>, StartError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signal)?;
    Ok(tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = closed.notified() => {}
        }
        tracing::info!("stopping: answering what was accepted");
        stop.cancel();
    }))
}
