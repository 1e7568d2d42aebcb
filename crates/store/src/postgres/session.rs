//! A connection outside the pool, for migrating, opening and restoring.

use std::ops::Deref;
use std::result::Result;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Ends with its last use, or, for whoever needs the database to itself afterwards, by [`Session::end`]. It may lead to
/// a pooler, so nothing is set on it: [`super::plain`] bounds each statement.
pub struct Session {
    client: Client,
    connection: JoinHandle<Result<(), Error>>,
}

impl Session {
    pub async fn connect(config: &Config, tls: &MakeRustlsConnect) -> Result<Self, Error> {
        let (client, connection) = config.connect(tls.clone()).await?;
        let connection = tokio::spawn(connection);
        Ok(Self { client, connection })
    }

    /// Says goodbye, and waits until that is sent: the server lets go of the database without being asked again.
    pub async fn end(self) {
        drop(self.client);
        // How it ended no longer matters: every answer was read.
        let _ = self.connection.await;
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
