//! How a server is reached, and the one way in which this module speaks to it: `psql`.
//!
//! Owns the connection string and its parts. `psql` rather than a client library, so that a database
//! can be dropped in `Drop`, without a runtime, and so that nothing here shares code with what it tests.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// A server and a user of it; everything of a connection string but the database.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    psql: PathBuf,
    /// `postgres://user:password@host:port`, without a slash.
    server: String,
    /// `?name=value…`, or nothing.
    parameters: String,
    /// The database to be in while others are made and dropped.
    home: String,
    /// A pooler refuses the start-up parameter that bounds our statements.
    pooled: bool,
}

/// What a pooler needs to know of the server behind it.
#[derive(Debug)]
pub(crate) struct Parts {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: String,
}

impl Address {
    pub fn local(psql: PathBuf, port: u16, password: &str) -> Self {
        Self {
            psql,
            server: format!("postgres://postgres:{password}@127.0.0.1:{port}"),
            parameters: String::new(),
            home: "postgres".into(),
            pooled: false,
        }
    }

    pub fn parse(psql: PathBuf, url: &str) -> Result<Self> {
        let rest = url
            .strip_prefix("postgres://")
            .or_else(|| url.strip_prefix("postgresql://"))
            .context("it does not begin with postgres://")?;
        let (rest, parameters) = match rest.split_once('?') {
            Some((rest, parameters)) => (rest, format!("?{parameters}")),
            None => (rest, String::new()),
        };
        let (server, home) = rest.split_once('/').unwrap_or((rest, ""));
        ensure!(!server.is_empty(), "it names no host");
        Ok(Self {
            psql,
            server: format!("postgres://{server}"),
            parameters,
            home: if home.is_empty() { "postgres" } else { home }.into(),
            pooled: false,
        })
    }

    /// The same server and user, at another address: that of a proxy.
    pub fn at(&self, address: SocketAddr) -> Result<Self> {
        let Parts { user, password, .. } = self.parts()?;
        Ok(Self {
            server: format!("postgres://{user}:{password}@{address}"),
            ..self.clone()
        })
    }

    /// The same server and user, through a pooler on a port of this machine.
    pub fn pooled(&self, port: u16) -> Result<Self> {
        Ok(Self {
            pooled: true,
            ..self.at(([127, 0, 0, 1], port).into())?
        })
    }

    pub fn parts(&self) -> Result<Parts> {
        let (who, host) = self.server["postgres://".len()..]
            .rsplit_once('@')
            .context("it names no user")?;
        let (user, password) = who.split_once(':').context("it names no password")?;
        let (host, port) = host.rsplit_once(':').unwrap_or((host, "5432"));
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        for part in [user, password, host] {
            ensure!(
                part.chars().all(plain),
                "{part} is not of A-Z, 0-9, -, _, ."
            );
        }
        Ok(Parts {
            host: host.into(),
            port: port.parse().context("its port is not a number")?,
            user: user.into(),
            password: password.into(),
        })
    }

    pub fn url(&self, database: &str) -> String {
        format!("{}/{database}{}", self.server, self.parameters)
    }

    /// Runs statements, each a transaction of its own, and gives the rows as text: columns by `|`.
    pub fn sql(&self, database: Option<&str>, statements: &str) -> Result<String> {
        let mut command = Command::new(&self.psql);
        if !self.pooled {
            command.env("PGOPTIONS", "-c statement_timeout=60s");
        }
        let mut child = command
            .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"])
            .args(["--set=ON_ERROR_STOP=1", "--no-password", "--dbname"])
            .arg(self.url(database.unwrap_or(&self.home)))
            .env_remove("PGSERVICE")
            .env("PGCONNECT_TIMEOUT", "10")
            .env("PGAPPNAME", "waybill-testkit")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run psql, PostgreSQL's own client")?;
        let mut input = child.stdin.take().context("its stdin is a pipe")?;
        // It may have given up already; then its own words are the better error.
        let _ = input.write_all(statements.as_bytes());
        drop(input);
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "{}\nin: {statements}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_address_keeps_its_parameters_for_every_database() {
        let parse = |url| Address::parse("psql".into(), url);
        let address = parse("postgresql://u:p@h:5433/main?sslmode=require").unwrap();
        assert_eq!(address.url("t"), "postgres://u:p@h:5433/t?sslmode=require");
        assert_eq!(address.home, "main");
        assert_eq!(parse("postgres://h").unwrap().home, "postgres");
        assert!(parse("http://h").is_err());
        let parts = address.parts().unwrap();
        assert_eq!((parts.host.as_str(), parts.port), ("h", 5433));
        assert_eq!((parts.user.as_str(), parts.password.as_str()), ("u", "p"));
        let pooled = address.pooled(6432).unwrap();
        assert_eq!(
            pooled.url("t"),
            "postgres://u:p@127.0.0.1:6432/t?sslmode=require"
        );
    }
}
