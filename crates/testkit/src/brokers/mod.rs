//! Brokers for tests, each a real server of its own on free ports, gone when its test is.
//!
//! Those that run on Java come as jars from Maven Central. `scripts/test` fetches them once into `$WAYBILL_CACHE/jars`
//! (default `~/.cache/waybill/jars`), outside the clone.

mod elasticmq;
mod jars;
pub mod kafka;
mod process;
mod rabbitmq;

pub use elasticmq::ElasticMq;
pub use kafka::Kafka;
pub use process::BrokerProcess;
pub use rabbitmq::RabbitMqServer;

use anyhow::Result;

/// A broker of a test, which can go away and come back with what it kept.
pub trait BrokerServer: Send + 'static {
    /// The id of its process; 0 while it does not run.
    fn pid(&self) -> i32;

    /// Ends it; connections break.
    ///
    /// # Errors
    /// It does not run.
    fn end(&mut self) -> Result<()>;

    /// Starts it again at its address.
    ///
    /// # Errors
    /// It runs already, or does not start.
    fn start_again(&mut self) -> Result<()>;
}
