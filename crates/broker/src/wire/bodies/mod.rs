//! The JSON bodies of messages. Consumers of the older systems read the fields beside `data`; what they are differs
//! from broker to broker, because each of those systems had another broker.

mod kafka;
mod known_body;
mod rabbitmq;
mod sqs;

use self::known_body::KnownBody;
use crate::message::Message;
use serde::Serialize;
use serde_json::value::RawValue;
use waybill_domain::content::Personal;

/// The fields that a broker's older consumers read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Kafka,
    RabbitMq,
    Sqs,
}

/// The older fields, and the event.
#[derive(Serialize)]
struct Body<'a, T> {
    #[serde(flatten)]
    older: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    /// Beside `data`, not in an attribute: attributes are what logs show.
    #[serde(skip_serializing_if = "Option::is_none")]
    personal: Option<&'a Personal>,
}

/// The body of a message as JSON text. Without its data an order's items are left out too; personal data, which is read
/// nowhere else, stays.
pub fn of(message: &Message, shape: Shape, with_data: bool) -> String {
    let event = &message.event.event;
    let data = with_data && !message.filler;
    // The log holds JSON objects only: the relay reads no other rows.
    let data: Option<&RawValue> = data
        .then(|| serde_json::from_str(&event.body).ok())
        .flatten();
    let known = match (message.filler, data) {
        (true, _) => KnownBody::Discarded,
        (false, None) => KnownBody::Other,
        (false, Some(_)) => KnownBody::of(event),
    };
    let personal = message.personal.as_ref().filter(|_| !message.filler);
    match shape {
        Shape::Kafka => text(kafka::fields(event, &known), data, personal),
        Shape::RabbitMq => text(rabbitmq::fields(event, &known), data, personal),
        Shape::Sqs => text(sqs::fields(event, &known), data, personal),
    }
}

fn text<T: Serialize>(older: T, data: Option<&RawValue>, personal: Option<&Personal>) -> String {
    let body = Body {
        older,
        data,
        personal,
    };
    serde_json::to_string(&body).expect("bodies have string keys and no fallible fields")
}
