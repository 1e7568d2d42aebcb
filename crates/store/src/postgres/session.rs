//! A connection outside the pool, for migrating, opening and restoring.

use std::ops::Deref;
use std::result::Result;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Closed when it is dropped, or by [`Session::end`] when the caller must know that the server has been told. The
/// address may be a pooler's, so no session setting is made: [`super::plain`] bounds each statement.
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

    /// Closes the connection and waits until the message is sent; the server then ends the session.
    pub async fn end(self) {
        drop(self.client);
        // No error: every answer was read, so a failure while closing loses nothing.
        let _ = self.connection.await;
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
