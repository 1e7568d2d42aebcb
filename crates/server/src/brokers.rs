//! The broker that the settings choose: where events go for other stores, and where theirs come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use waybill_broker::link::Link;
use waybill_broker::message::Topic;
use waybill_broker::publisher::Publisher;
use waybill_broker::subscriber::Subscriber;

use crate::config::{BrokerKind, ConfigErrors, Settings, Subscribe};

/// A way to other stores.
#[derive(Clone)]
pub struct Outside {
    pub publisher: Arc<dyn Publisher>,
    /// `None` when what others publish comes without a broker.
    pub subscriber: Option<Arc<dyn Subscriber>>,
    /// The state of the connection, when there is one.
    pub link: Option<Arc<Link>>,
}

impl Outside {
    /// A way that only leads out; what others publish comes in by another one.
    #[must_use]
    pub fn published_by(publisher: Arc<dyn Publisher>) -> Self {
        Self {
            publisher,
            subscriber: None,
            link: None,
        }
    }
}

/// Whether a process with these settings takes events of another store: it has a way to others and, unless the settings
/// say something else, runs `delivery` without `status`, or `status` without `delivery`.
#[must_use]
pub fn exchanges(settings: &Settings, has_outside: bool) -> bool {
    has_outside
        && match settings.broker.subscribe {
            Subscribe::Auto => settings.runs("delivery") != settings.runs("status"),
            Subscribe::Always => true,
            Subscribe::Never => false,
        }
}

/// Whether the settings name a broker, and this binary can speak to it.
///
/// # Errors
/// This binary was built without the broker, or its address is missing.
pub fn check(settings: &Settings) -> Result<bool, ConfigErrors> {
    let kind = settings.broker.kind;
    let mut errors = ConfigErrors::default();
    if !is_built(kind) {
        let advice = format!(
            "this binary was built without it; build it with --features {}, or with --features full",
            kind.name()
        );
        errors.push("broker", "broker.kind", Some(kind.name().into()), advice);
    }
    let broker = &settings.broker;
    if kafka_connection(broker.kafka_connection.expose()).is_none() {
        let advice = "give settings of librdkafka that begin with security., sasl. or ssl., as name=value; name=value";
        errors.push("broker", "broker.kafka_connection", None, advice);
    }
    let queues = [
        Topic::Deliveries.rabbitmq(),
        &broker.rabbitmq_order_queue,
        &broker.rabbitmq_stock_queue,
    ];
    if (1..queues.len()).any(|at| queues[..at].contains(&queues[at])) {
        let advice = "orders, deliveries and stock each need a queue of their own";
        errors.push("broker", "broker.rabbitmq_order_queue", None, advice);
    }
    let missing = match kind {
        BrokerKind::Kafka if broker.kafka_brokers.is_empty() => Some((
            "broker.kafka_brokers",
            "name the brokers, as KAFKA_BROKERS=host:9092",
        )),
        BrokerKind::RabbitMq if broker.rabbitmq_url.expose().is_empty() => Some((
            "broker.rabbitmq_url",
            "name the broker, as RABBITMQ_URL=amqp://user:password@host:5672",
        )),
        BrokerKind::Sqs if broker.sqs_access_key_id.is_empty() => Some((
            "broker.sqs_access_key_id",
            "give the access key, as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )),
        _ => None,
    };
    if let Some((key, advice)) = missing {
        errors.push("broker", key, None, advice);
    }
    errors.into_result(kind.is_external())
}

/// The settings in `broker.kafka_connection`; `None` when that cannot be read. Others than those of the connection are
/// refused: what is promised about messages depends on them.
fn kafka_connection(text: &str) -> Option<BTreeMap<String, String>> {
    let settings = text.split(';').map(str::trim);
    let settings = settings.filter(|setting| !setting.is_empty());
    let read = |setting: &str| {
        let (name, value) = setting.split_once('=')?;
        let of_connection = ["security.", "sasl.", "ssl."];
        let is_allowed = of_connection.iter().any(|start| name.starts_with(start));
        is_allowed.then(|| (name.trim().to_owned(), value.trim().to_owned()))
    };
    settings.map(read).collect()
}

const fn is_built(kind: BrokerKind) -> bool {
    match kind {
        BrokerKind::Embedded => true,
        BrokerKind::Kafka => cfg!(feature = "kafka"),
        BrokerKind::RabbitMq => cfg!(feature = "rabbitmq"),
        BrokerKind::Sqs => cfg!(feature = "sqs"),
    }
}

/// The broker of settings that were checked. It connects when it is first used.
#[must_use]
pub fn of(settings: &Settings) -> Option<Outside> {
    match settings.broker.kind {
        #[cfg(feature = "kafka")]
        BrokerKind::Kafka => Some(kafka(settings)),
        #[cfg(feature = "rabbitmq")]
        BrokerKind::RabbitMq => Some(rabbitmq(settings)),
        #[cfg(feature = "sqs")]
        BrokerKind::Sqs => Some(sqs(settings)),
        _ => None,
    }
}

/// Whether no process of this installation reads orders and deliveries at the broker. A process with the role `relay`
/// alone cannot know which services run beside it, so it takes them for split: messages that are read by one of them
/// must not be dropped, and all must declare the same queues.
#[cfg(feature = "rabbitmq")]
fn only_others_read(settings: &Settings) -> bool {
    match settings.broker.subscribe {
        Subscribe::Auto => settings.runs("delivery") && settings.runs("status"),
        Subscribe::Always => false,
        Subscribe::Never => true,
    }
}

#[cfg(feature = "rabbitmq")]
fn rabbitmq(settings: &Settings) -> Outside {
    use waybill_broker::rabbitmq::{
        QueueNames, RabbitMq, RabbitMqConfig, RabbitMqPublisher, RabbitMqSubscriber,
    };

    let broker = &settings.broker;
    let outsiders = if only_others_read(settings) {
        Topic::ALL.to_vec()
    } else {
        vec![Topic::Stock]
    };
    let rabbitmq = RabbitMq::new(&RabbitMqConfig {
        url: broker.rabbitmq_url.expose().to_owned(),
        names: QueueNames {
            prefix: broker.prefix.clone(),
            orders: broker.rabbitmq_order_queue.clone(),
            stock: broker.rabbitmq_stock_queue.clone(),
        },
        outsiders,
    });
    Outside {
        publisher: Arc::new(RabbitMqPublisher::new(rabbitmq.clone())),
        subscriber: Some(Arc::new(RabbitMqSubscriber::new(rabbitmq.clone()))),
        link: Some(rabbitmq.link()),
    }
}

#[cfg(feature = "kafka")]
fn kafka(settings: &Settings) -> Outside {
    use waybill_broker::kafka::{Kafka, KafkaConfig, KafkaPublisher, KafkaSubscriber};

    let broker = &settings.broker;
    let kafka = Kafka::new(&KafkaConfig {
        brokers: broker.kafka_brokers.clone(),
        prefix: broker.prefix.clone(),
        dataref: broker.public_url.clone(),
        partitions: broker.kafka_partitions,
        // It was checked.
        connection: kafka_connection(broker.kafka_connection.expose()).unwrap_or_default(),
    });
    Outside {
        publisher: Arc::new(KafkaPublisher::new(kafka.clone())),
        subscriber: Some(Arc::new(KafkaSubscriber::new(kafka.clone()))),
        link: Some(kafka.link()),
    }
}

#[cfg(feature = "sqs")]
fn sqs(settings: &Settings) -> Outside {
    use waybill_broker::sqs::{Sqs, SqsConfig, SqsPublisher, SqsSubscriber};

    let broker = &settings.broker;
    let token = broker.sqs_session_token.expose();
    let sqs = Sqs::new(&SqsConfig {
        endpoint: broker.sqs_endpoint.clone(),
        region: broker.sqs_region.clone(),
        credentials: (
            broker.sqs_access_key_id.clone(),
            broker.sqs_secret_access_key.expose().to_owned(),
        ),
        session_token: Some(token.to_owned()).filter(|token| !token.is_empty()),
        prefix: broker.prefix.clone(),
        dataref: broker.public_url.clone(),
    });
    Outside {
        publisher: Arc::new(SqsPublisher::new(sqs.clone())),
        subscriber: Some(Arc::new(SqsSubscriber::new(sqs.clone()))),
        link: Some(sqs.link()),
    }
}

#[cfg(test)]
mod tests {
    use super::kafka_connection;

    #[test]
    fn only_settings_of_the_connection_are_taken() {
        let read = kafka_connection("security.protocol=SASL_PLAINTEXT; sasl.password=a=b;");
        let read = read.expect("it can be read");
        assert_eq!(read["security.protocol"], "SASL_PLAINTEXT");
        assert_eq!(read["sasl.password"], "a=b");
        assert_eq!(kafka_connection(""), Some([].into()));
        assert_eq!(kafka_connection("acks=0"), None);
        assert_eq!(kafka_connection("sasl.password"), None);
    }
}
