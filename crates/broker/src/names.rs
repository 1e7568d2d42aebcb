//! The names that topics have at each broker. Clients of the older systems know them, so they never change.

use crate::message::Topic;

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 3] = [Self::Orders, Self::Deliveries, Self::Stock];

    /// The topic at Kafka.
    #[must_use]
    pub const fn kafka(self) -> &'static str {
        match self {
            Self::Orders => "order-events",
            Self::Deliveries => "delivery-events",
            Self::Stock => "stock-events",
        }
    }

    /// The queue at RabbitMQ; an installation may choose other names for those of orders and stock.
    #[must_use]
    pub const fn rabbitmq(self) -> &'static str {
        match self {
            Self::Orders => "order_queue",
            Self::Deliveries => "delivery_status_queue",
            Self::Stock => "stock_sync_queue",
        }
    }

    /// The queue at SQS, without the ending `.fifo`.
    #[must_use]
    pub const fn sqs(self) -> &'static str {
        match self {
            Self::Orders => "orders-queue",
            Self::Deliveries => "delivery-status-queue",
            Self::Stock => "stock-queue",
        }
    }
}
