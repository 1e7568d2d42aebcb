//! The brokers of these tests.

use std::sync::atomic::{AtomicUsize, Ordering};

use waybill_testkit::brokers::BrokerServer as _;

/// A broker that a pair of services uses, and that can be killed.
pub trait Broker: Send {
    /// Its name in the settings.
    fn name(&self) -> &'static str;

    /// The environment of a service that uses it.
    fn environment(&self) -> Vec<(&'static str, String)>;

    /// The process id of the server.
    fn pid(&self) -> i32;

    /// Ends it; connections break.
    fn kill(&mut self);

    fn start_again(&mut self);
}

/// What the names of one test's topics and queues begin with.
fn fresh_prefix() -> String {
    static TESTS: AtomicUsize = AtomicUsize::new(0);
    format!("t{}-", TESTS.fetch_add(1, Ordering::SeqCst))
}

/// A broker of this name in the settings, as this server of the test kit runs it, with what its clients need to know.
macro_rules! broker {
    ($name:ident, $feature:literal, $server:ident, $environment:expr) => {
        #[cfg(feature = $feature)]
        pub struct $name {
            server: waybill_testkit::brokers::$server,
            prefix: String,
        }

        #[cfg(feature = $feature)]
        impl $name {
            /// `None` when it cannot be had here, which is seen.
            pub fn start() -> Option<Self> {
                Self::of(waybill_testkit::brokers::$server::start())
            }

            fn of(
                server: Result<
                    waybill_testkit::brokers::$server,
                    waybill_testkit::unavailable::Unavailable,
                >,
            ) -> Option<Self> {
                Some(Self {
                    server: waybill_testkit::unavailable::or_skip(server)?,
                    prefix: fresh_prefix(),
                })
            }
        }

        #[cfg(feature = $feature)]
        impl Broker for $name {
            fn name(&self) -> &'static str {
                $feature
            }

            fn environment(&self) -> Vec<(&'static str, String)> {
                let own: fn(&waybill_testkit::brokers::$server) -> Vec<(&'static str, String)> =
                    $environment;
                let mut environment = own(&self.server);
                environment.push(("WAYBILL_BROKER", $feature.into()));
                environment.push(("WAYBILL_BROKER__PREFIX", self.prefix.clone()));
                environment
            }

            fn pid(&self) -> i32 {
                self.server.pid()
            }

            fn kill(&mut self) {
                self.server.end().expect("it ends");
            }

            fn start_again(&mut self) {
                self.server.start_again().expect("it starts again");
            }
        }
    };
}

broker!(Sqs, "sqs", ElasticMq, |server| vec![
    ("SQS_ENDPOINT", server.endpoint()),
    ("AWS_ACCESS_KEY_ID", "key".into()),
    ("AWS_SECRET_ACCESS_KEY", "secret".into()),
]);
broker!(Kafka, "kafka", Kafka, |server| vec![(
    "KAFKA_BROKERS",
    server.brokers()
)]);
broker!(RabbitMq, "rabbitmq", RabbitMqServer, |server| vec![(
    "RABBITMQ_URL",
    server.url()
)]);

#[cfg(feature = "sqs")]
impl Sqs {
    /// One that keeps what it confirmed when it is killed; the others do so anyway.
    pub fn durable() -> Option<Self> {
        Self::of(waybill_testkit::brokers::ElasticMq::durable())
    }
}
