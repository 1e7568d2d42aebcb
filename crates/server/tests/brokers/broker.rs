//! The brokers of these tests.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A broker that a pair of services uses, and that can be killed.
pub trait Broker: Send {
    /// Its name in the settings.
    fn name(&self) -> &'static str;

    /// The environment of a service that uses it.
    fn environment(&self) -> Vec<(&'static str, String)>;

    /// The process id of the server.
    fn pid(&self) -> i32;

    /// SIGKILL; connections break.
    fn kill(&mut self);

    fn start_again(&mut self);
}

/// What the names of one test's topics and queues begin with.
pub fn fresh_prefix() -> String {
    static TESTS: AtomicUsize = AtomicUsize::new(0);
    format!("t{}-", TESTS.fetch_add(1, Ordering::SeqCst))
}

#[cfg(feature = "sqs")]
pub mod sqs {
    use super::{Broker, fresh_prefix};
    use waybill_testkit::brokers::ElasticMq;
    use waybill_testkit::unavailable::or_skip;

    pub struct Sqs {
        server: ElasticMq,
        prefix: String,
    }

    impl Sqs {
        pub fn start() -> Option<Self> {
            Some(Self {
                server: or_skip(ElasticMq::start())?,
                prefix: fresh_prefix(),
            })
        }
    }

    impl Broker for Sqs {
        fn name(&self) -> &'static str {
            "sqs"
        }

        fn environment(&self) -> Vec<(&'static str, String)> {
            vec![
                ("WAYBILL_BROKER", "sqs".into()),
                ("WAYBILL_BROKER__PREFIX", self.prefix.clone()),
                ("SQS_ENDPOINT", self.server.endpoint()),
                ("AWS_ACCESS_KEY_ID", "key".into()),
                ("AWS_SECRET_ACCESS_KEY", "secret".into()),
            ]
        }

        fn pid(&self) -> i32 {
            self.server.pid()
        }

        fn kill(&mut self) {
            self.server.kill().expect("it is killed");
        }

        fn start_again(&mut self) {
            self.server.start_again().expect("it starts again");
        }
    }
}
