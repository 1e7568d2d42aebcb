//! The connection that messages are published on.

use crate::message::Topic;
use lapin::{Channel, Connection};
use std::collections::BTreeSet;
use tokio::sync::Mutex;

/// The connection that messages are published on, once it is open.
#[derive(Default)]
pub struct Lane(pub Mutex<Option<OpenLane>>);

/// An open connection.
pub struct OpenLane {
    pub connection: Connection,
    /// Channels that no call uses. A call has its channel alone: the client library gives a returned message to the
    /// channel's next acknowledgement, which can be another message's.
    pub idle: Vec<Channel>,
    /// Topics whose queues were declared on this connection.
    pub declared: BTreeSet<Topic>,
}
