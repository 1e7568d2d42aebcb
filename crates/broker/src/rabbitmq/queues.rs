//! The queues: their names and arguments.
//!
//! Publisher and subscriber declare a queue with the same arguments; the broker refuses others for a queue that exists.

use super::error::RabbitMqError;
use crate::message::Topic;
use lapin::options::QueueDeclareOptions;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ErrorKind};

/// Bytes that a queue holds. It bounds the broker's disk while nobody reads; what waits longer waits in the store's log.
const QUEUE_BYTES: i64 = 1 << 30;
/// Bytes that a dead-letter queue holds; the oldest make room. The store keeps dead letters of its own.
const DEAD_LETTER_BYTES: i64 = 64 << 20;

/// Deliveries after which a queue gives up a message. RabbitMQ gives up after 20 since 4.0 when none is set, and a
/// process that ends with messages in hand counts as one. Versions before 4.0 refuse -1, which means no limit since.
const DELIVERIES: i64 = 1_000_000_000;

/// The names of the queues that an installation chooses.
#[derive(Clone)]
pub struct QueueNames {
    /// What the names of all queues begin with; usually nothing.
    pub prefix: String,
    /// The queue of orders, without the prefix; usually [`Topic::rabbitmq`].
    pub orders: String,
    /// The queue of stock, likewise.
    pub stock: String,
}

/// The names of the queues, and who reads them.
pub struct Queues {
    names: QueueNames,
    outsiders: Vec<Topic>,
}

impl Queues {
    pub fn new(names: &QueueNames, outsiders: &[Topic]) -> Self {
        Self {
            names: names.clone(),
            outsiders: outsiders.to_vec(),
        }
    }

    /// The queue of a topic.
    pub fn topic(&self, topic: Topic) -> String {
        let name = match topic {
            Topic::Orders => &self.names.orders,
            Topic::Deliveries => topic.rabbitmq(),
            Topic::Stock => &self.names.stock,
        };
        format!("{}{name}", self.names.prefix)
    }

    /// The dead-letter queue beside it.
    pub fn dead_letters(&self, topic: Topic) -> String {
        format!("{}.dlq", self.topic(topic))
    }

    /// Declares a topic's queue and the dead-letter queue beside it.
    ///
    /// # Errors
    /// The connection failed, or a queue exists with other arguments.
    pub async fn declare(
        &self,
        connection: &Connection,
        topic: Topic,
    ) -> Result<(), RabbitMqError> {
        // On a channel of its own: a refusal ends the channel.
        let channel = connection.create_channel().await?;
        let queues = [
            (self.dead_letters(topic), dead_letter_arguments()),
            (self.topic(topic), self.arguments(topic)),
        ];
        for (queue, arguments) in queues {
            let options = QueueDeclareOptions {
                durable: true,
                ..QueueDeclareOptions::default()
            };
            let name = queue.as_str().into();
            let declared = channel.queue_declare(name, options, arguments).await;
            declared.map_err(|source| refused(queue, source))?;
        }
        channel.close(200, "declared".into()).await?;
        Ok(())
    }

    fn arguments(&self, topic: Topic) -> FieldTable {
        let mut arguments = quorum(QUEUE_BYTES);
        let mut set = |name: &str, value| {
            arguments.insert(name.into(), value);
        };
        set("x-single-active-consumer", AMQPValue::Boolean(true));
        set("x-delivery-limit", AMQPValue::LongLongInt(DELIVERIES));
        if self.outsiders.contains(&topic) {
            // Without a dead-letter exchange: what makes room is no dead letter.
            set("x-overflow", text("drop-head"));
        } else {
            set("x-overflow", text("reject-publish"));
            set("x-dead-letter-exchange", text(""));
            set("x-dead-letter-routing-key", text(&self.dead_letters(topic)));
            set("x-dead-letter-strategy", text("at-least-once"));
        }
        arguments
    }
}

fn dead_letter_arguments() -> FieldTable {
    let mut arguments = quorum(DEAD_LETTER_BYTES);
    arguments.insert("x-overflow".into(), text("drop-head"));
    arguments
}

fn quorum(bytes: i64) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-max-length-bytes".into(), AMQPValue::LongLongInt(bytes));
    arguments
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn refused(queue: String, source: lapin::Error) -> RabbitMqError {
    let precondition = AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED);
    match source.kind() {
        ErrorKind::ProtocolError(error) if *error.kind() == precondition => {
            RabbitMqError::OtherArguments { queue, source }
        }
        _ => RabbitMqError::Client(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overflow(queues: &Queues, topic: Topic) -> Option<String> {
        let arguments = queues.arguments(topic);
        let found = arguments.inner().get("x-overflow");
        found.and_then(|value| value.as_long_string().map(ToString::to_string))
    }

    #[test]
    fn a_queue_that_only_outsiders_read_makes_room_and_others_refuse() {
        let names = QueueNames {
            prefix: "shop-".into(),
            orders: "orders".into(),
            stock: "stock_sync_queue".into(),
        };
        let queues = Queues::new(&names, &[Topic::Stock]);
        assert_eq!(
            Topic::ALL.map(|topic| queues.topic(topic)),
            [
                "shop-orders",
                "shop-delivery_status_queue",
                "shop-stock_sync_queue"
            ]
        );
        assert_eq!(
            queues.dead_letters(Topic::Stock),
            "shop-stock_sync_queue.dlq"
        );
        let found = Topic::ALL.map(|topic| overflow(&queues, topic));
        let expected = ["reject-publish", "reject-publish", "drop-head"];
        assert_eq!(found, expected.map(|text| Some(text.to_owned())));
        let stock = queues.arguments(Topic::Stock);
        assert!(!stock.contains_key("x-dead-letter-exchange"));
        for topic in Topic::ALL {
            assert!(queues.arguments(topic).contains_key("x-max-length-bytes"));
        }
    }
}
