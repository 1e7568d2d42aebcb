//! Brokers for tests, each a real server of its own on free ports, gone when its test is.
//!
//! Those that run on Java come as jars from Maven Central. `scripts/test` fetches them once into `$WAYBILL_CACHE/jars`
//! (default `~/.cache/waybill/jars`), outside the clone.

mod elasticmq;
mod jars;
pub mod kafka;
mod rabbitmq;

pub use elasticmq::ElasticMq;
pub use kafka::Kafka;
pub use rabbitmq::RabbitMqServer;
