//! The order service and the delivery service apart, a store each and a broker between them, which is killed, as the
//! services are: every order arrives, once.

#![cfg(any(feature = "kafka", feature = "rabbitmq", feature = "sqs"))]

mod broker;
#[cfg(feature = "sqs")]
mod examples;
mod faults;
mod flow;
mod services;
