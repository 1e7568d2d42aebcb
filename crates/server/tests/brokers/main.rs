//! The order service and the delivery service apart, a store each and a broker between them, which is killed, as the
//! services are: every order arrives, once.

#![cfg(any(feature = "kafka", feature = "rabbitmq", feature = "sqs"))]

#[cfg(all(feature = "kafka", feature = "planted-defects"))]
mod bad;
mod broker;
#[cfg(feature = "sqs")]
mod examples;
mod faults;
mod flow;
#[cfg(feature = "sqs")]
mod large;
mod measure;
mod services;
