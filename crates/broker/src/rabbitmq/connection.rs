//! Connecting.

use super::RabbitMq;
use super::error::{CONNECT, RabbitMqError};
use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Connection, ConnectionProperties};

impl RabbitMq {
    /// A connection of its own, shown at the broker under this name.
    pub(super) async fn connect(&self, name: &str) -> Result<Connection, RabbitMqError> {
        let uri = self.address.as_ref().map_err(Clone::clone)?.uri();
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let connecting = Connection::connect_uri(uri, properties);
        let connected = tokio::time::timeout(CONNECT, connecting).await;
        Ok(connected.map_err(|_| RabbitMqError::Unreachable)??)
    }
}

/// A channel on which the broker confirms what it was sent.
pub async fn confirming(connection: &Connection) -> Result<Channel, RabbitMqError> {
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    Ok(channel)
}
