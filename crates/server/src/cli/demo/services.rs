//! `waybill demo --services`: the order service and the delivery service in one process, with a store each. What one
//! publishes is handed to the other's inbox, without a broker.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;
use tokio::time::Instant;

use super::{DemoArgs, empty, leave_token, moves, settings_of};
use crate::app::App;
use crate::auth::ADMIN_TOKEN_FILE;
use crate::cli::{fail, fail_with, output};
use crate::config::{ConfigErrors, Settings, Sources};
use crate::observe::{figures, logs};
use crate::process::{self, Migrate, Ready};

/// A service: its folder below the data folder, the ending of its database's name, its roles, and where it listens
/// when nothing says so.
struct Service {
    folder: &'static str,
    database: &'static str,
    roles: &'static str,
    listen: &'static str,
}

const ORDERS: Service = Service {
    folder: "order-service",
    database: "",
    roles: "api,status,relay,housekeeping",
    listen: ":3001",
};

const DELIVERY: Service = Service {
    folder: "delivery-service",
    database: "_delivery",
    roles: "delivery,relay,housekeeping",
    listen: ":3002",
};

/// Runs until Ctrl-C.
pub async fn run(args: &DemoArgs, begun: Instant) -> ExitCode {
    if !args.settings.roles.is_empty() || args.settings.listen.len() == 1 {
        let advice = "--services runs the roles of both services: leave --roles out, and give --listen twice (orders, then delivery) or not at all";
        return fail_with(advice);
    }
    let (data, services) = match load(args) {
        Ok(loaded) => loaded,
        Err(errors) => return fail(&errors),
    };
    if let Err(error) = logs::install(&services[0].log) {
        return fail(&error);
    }
    if args.fresh
        && let Some(Err(code)) = services.iter().map(empty).find(Result::is_err)
    {
        return code;
    }
    let json = args.json;
    let mut shown = None;
    let served = process::serve_pair(services, Migrate::First, |orders, delivery| {
        if let Err(error) = leave_token(&orders.app, &data) {
            tracing::warn!(%error, "the admin token could not be written; commands need --token");
        }
        let ready = Banner::of(orders, delivery, &data, begun);
        if json {
            output::json_line(&ready.line());
            return;
        }
        output::line(ready.text());
        shown = Some(tokio::spawn(moves::show(orders.app.clone())));
    });
    let outcome = served.await;
    shown.iter().for_each(tokio::task::JoinHandle::abort);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// The data folder, and the settings of both services.
fn load(args: &DemoArgs) -> Result<(PathBuf, [Settings; 2]), ConfigErrors> {
    let sources = args.settings.sources()?;
    let shared = settings_of(&sources)?;
    let mut listen = args.settings.listen.iter();
    let mut of = |service: &Service| {
        let listen = listen.next().map_or(service.listen, String::as_str);
        settings_of(&service.sources(&sources, &shared, listen))
    };
    let services = [of(&ORDERS)?, of(&DELIVERY)?];
    Ok((shared.store.data.clone().into(), services))
}

impl Service {
    fn sources(&self, sources: &Sources, shared: &Settings, listen: &str) -> Sources {
        let data = Path::new(&shared.store.data).join(self.folder);
        let sources = sources
            .clone()
            .flag("--services", "roles", self.roles)
            .flag("--services", "server.listen", listen)
            .flag("--services", "store.data", data.to_string_lossy());
        match shared.database_url() {
            Some(url) => {
                let url = named(url, self.database);
                sources.flag("--services", "store.url", url)
            }
            None => sources,
        }
    }
}

/// The address of a database whose name has this ending.
fn named(url: &str, ending: &str) -> String {
    let (address, parameters) = match url.split_once('?') {
        Some((address, parameters)) => (address, format!("?{parameters}")),
        None => (url, String::new()),
    };
    format!("{address}{ending}{parameters}")
}

/// What is printed once both answer.
struct Banner {
    orders: Arc<App>,
    urls: [String; 2],
    data: PathBuf,
    took_ms: u64,
}

impl Banner {
    fn of(orders: &Ready, delivery: &Ready, data: &Path, begun: Instant) -> Self {
        let url = |ready: &Ready| {
            let first: Option<&SocketAddr> = ready.addresses.first();
            first
                .map(|address| format!("http://{address}"))
                .unwrap_or_default()
        };
        Self {
            orders: orders.app.clone(),
            urls: [url(orders), url(delivery)],
            data: data.canonicalize().unwrap_or_else(|_| data.to_owned()),
            took_ms: figures::millis(begun.elapsed()),
        }
    }

    /// For a machine.
    fn line(&self) -> serde_json::Value {
        let [orders, delivery] = &self.urls;
        json!({
            "ready": true,
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "orders": {"url": orders, "data": self.data.join(ORDERS.folder)},
            "delivery": {"url": delivery, "data": self.data.join(DELIVERY.folder)},
            "tokenFile": self.data.join(ADMIN_TOKEN_FILE),
            "readyMs": self.took_ms,
        })
    }

    /// For a person.
    fn text(&self) -> String {
        let [orders, delivery] = &self.urls;
        let stores = if self.orders.settings.database_url().is_some() {
            "two databases".to_owned()
        } else {
            format!("{} and {}", ORDERS.folder, DELIVERY.folder)
        };
        format!(
            "waybill {version}: two services are ready after {took} ms\n\
             \n\
             data       {data} ({stores})\n\
             orders     {orders}/v1 and {orders}/api\n\
             delivery   {delivery}/v1/shipments\n\
             token      {token}\n\
             \n\
             Each has a store of its own. What one publishes is handed to the other's inbox: an order that\n\
             is placed at the first is shipped by the second, and follows it back.\n\
             \n\
             Ctrl-C stops both. Orders, as they move:\n",
            version = env!("CARGO_PKG_VERSION"),
            took = self.took_ms,
            data = self.data.display(),
            token = self.data.join(ADMIN_TOKEN_FILE).display(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delivery_database_is_named_after_the_other_one() {
        for (url, expected) in [
            (
                "postgres://me@db:5432/shop",
                "postgres://me@db:5432/shop_delivery",
            ),
            (
                "postgresql://db/shop?sslmode=require&a=/b",
                "postgresql://db/shop_delivery?sslmode=require&a=/b",
            ),
        ] {
            assert_eq!(named(url, DELIVERY.database), expected);
            assert_eq!(named(url, ORDERS.database), url);
        }
    }
}
