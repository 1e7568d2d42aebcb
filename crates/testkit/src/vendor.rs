//! A vendor that answers on a free port (`waybill vendor-mock`), with faults on demand; gone when its test is.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use bytes::Bytes;
use http::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::answer::Answer;
use crate::brokers::BrokerProcess;
use crate::guarded::{Account, Server, on_a_free_port};
use crate::http::Client;

/// One vendor.
#[derive(Debug)]
pub struct Vendor {
    port: u16,
    folder: TempDir,
    process: BrokerProcess,
}

impl Vendor {
    /// A vendor of this binary, with further arguments, as `["--stock", "MUG=5"]`.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(binary: impl AsRef<Path>, name: &str, arguments: &[&str]) -> Result<Self> {
        let mut vendor = Self {
            port: 0,
            folder: Account::folder(None, "waybill-vendor-")?,
            process: BrokerProcess::default(),
        };
        on_a_free_port(&vendor.log(), |port| {
            vendor.port = port;
            let listen = format!("127.0.0.1:{port}");
            let own = ["vendor-mock", "--name", name, "--listen", &listen, "--json"];
            let words = own.iter().chain(arguments);
            let server = Server {
                program: binary.as_ref().into(),
                arguments: words.map(Into::into).collect(),
                environment: vec![],
                account: None,
                stop: "KILL",
                folder: vendor.folder.path().into(),
                log: vendor.log(),
            };
            vendor.process.begin(&server, port)
        })?;
        Ok(vendor)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("vendor.log")
    }

    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Its base address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Kills it; connections are refused from then on.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill(&mut self) -> Result<()> {
        self.process.end(Signal::KILL)
    }

    /// Sends it a request.
    ///
    /// # Panics
    /// It does not answer.
    pub async fn ask(&self, method: Method, path: &str, body: &Value) -> Answer {
        let mut client = Client::new(self.address());
        let body = Bytes::from(body.to_string());
        let sent = client.send(method, path, &[], body).await;
        sent.expect("the vendor answers")
    }

    /// Sets what goes wrong, as `{"errorPercent":20}`; `{}` is nothing.
    ///
    /// # Panics
    /// It refuses them.
    pub async fn faults(&self, faults: &Value) {
        let answer = self.ask(Method::PUT, "/faults", faults).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Sets what it has of a sku.
    ///
    /// # Panics
    /// It refuses that.
    pub async fn has(&self, sku: &str, units: i64) {
        let body = json!({"quantity": units});
        let answer = self.ask(Method::PUT, &format!("/stock/{sku}"), &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Everything it did.
    pub async fn ledger(&self) -> Value {
        let answer = self
            .ask(Method::GET, "/ledger?limit=10000", &Value::Null)
            .await;
        answer.json()
    }
}
