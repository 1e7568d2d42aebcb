//! Makes orders: a random key each and a body in the wanted dialect.
//!
//! Invariant: every body is valid JSON of its dialect and its total adds up; no two keys of a run
//! are the same (122 random bits). The same seed makes the same orders.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use clap::ValueEnum;
use http::HeaderValue;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::full_order;

/// How many customers the orders are spread over.
const CUSTOMERS: u32 = 1_000_000;
/// The length of a key: a UUID with its hyphens.
const KEY_BYTES: usize = 36;
/// How much buffer is asked for at once; orders are cut from it without an allocation each.
const BUFFER_BYTES: usize = 16 * 1024;

/// Which wire format the orders are sent in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// POST /api/orders
    Sales,
    /// POST /v1/orders
    V1,
}

impl Dialect {
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Sales => "/api/orders",
            Self::V1 => "/v1/orders",
        }
    }
}

/// What is bought.
#[derive(Debug, Clone)]
pub enum Skus {
    /// `prefix0` to `prefix<count − 1>`, each as likely as the other.
    Spread { prefix: String, count: u64 },
    /// The same names, the n-th one ordered 1/n^exponent as often as the first (Zipf's law).
    Zipf {
        prefix: String,
        /// How likely the n-th sku or one before it is.
        up_to: Arc<[f64]>,
    },
    /// One hot sku.
    One(String),
}

impl Skus {
    /// Names by Zipf's law.
    #[must_use]
    pub fn zipf(prefix: &str, count: u64, exponent: f64) -> Self {
        let mut sum = 0.0;
        let weights = (1..=count).map(|n| {
            sum += (n as f64).powf(-exponent);
            sum
        });
        let weights: Vec<f64> = weights.collect();
        Self::Zipf {
            prefix: prefix.to_owned(),
            up_to: weights.iter().map(|w| w / sum).collect(),
        }
    }
}

/// What the orders of a run look like.
#[derive(Debug, Clone)]
pub struct Shape {
    pub dialect: Dialect,
    /// Three lines, addresses, taxes, metadata: about 2 kB (`/v1` only).
    pub full: bool,
    pub skus: Skus,
    pub quantity: u32,
}

/// One order, ready to be sent (again).
#[derive(Debug, Clone)]
pub struct DraftOrder {
    pub key: HeaderValue,
    pub body: Bytes,
}

/// Makes the orders of one connection.
pub struct OrderFactory {
    rng: SmallRng,
    shape: Shape,
    buffer: BytesMut,
}

impl OrderFactory {
    #[must_use]
    pub fn new(shape: Shape, seed: u64) -> Self {
        Self {
            rng: SmallRng::seed_from_u64(seed),
            shape,
            buffer: BytesMut::new(),
        }
    }

    pub fn make(&mut self) -> DraftOrder {
        if self.buffer.capacity() < full_order::LONGEST_BYTES {
            self.buffer.reserve(BUFFER_BYTES);
        }
        let key = random_key(&mut self.rng);
        self.buffer.extend_from_slice(&key);
        let customer = self.rng.random_range(0..CUSTOMERS);
        match (self.shape.dialect, self.shape.full) {
            (Dialect::Sales, _) => self.write_sales(customer),
            (Dialect::V1, false) => self.write_v1(customer),
            (Dialect::V1, true) => {
                let skus = [self.sku(), self.sku(), self.sku()];
                full_order::write(&mut self.buffer, customer, &skus, self.shape.quantity);
            }
        }
        let mut bytes = self.buffer.split().freeze();
        let key = bytes.split_to(KEY_BYTES);
        let key =
            HeaderValue::from_maybe_shared(key).expect("hex digits and hyphens are a header value");
        DraftOrder { key, body: bytes }
    }

    /// A number between 0 and 1 of the factory's own source.
    pub fn chance(&mut self) -> f64 {
        self.rng.random()
    }

    /// An index below `len`, which must not be 0.
    pub fn index_below(&mut self, len: usize) -> usize {
        self.rng.random_range(0..len)
    }

    // Writing to a BytesMut cannot fail: it grows.

    fn write_sales(&mut self, customer: u32) {
        let _ = write!(
            self.buffer,
            r#"{{"customerId":"customer-{customer}","items":[{{"productId":"#
        );
        self.write_sku();
        let _ = write!(
            self.buffer,
            r#","quantity":{},"price":29.99}}]}}"#,
            self.shape.quantity
        );
    }

    fn write_v1(&mut self, customer: u32) {
        let _ = write!(
            self.buffer,
            r#"{{"currency":"EUR","customer":{{"id":"customer-{customer}"}},"lines":[{{"sku":"#
        );
        self.write_sku();
        let _ = write!(
            self.buffer,
            r#","quantity":{},"unitPrice":"29.99"}}]}}"#,
            self.shape.quantity
        );
    }

    /// Writes a sku as a JSON string, straight into the buffer where it needs no escape.
    fn write_sku(&mut self) {
        if let Skus::Spread { prefix, count } = &self.shape.skus
            && needs_no_escape(prefix)
        {
            let number = self.rng.random_range(0..*count);
            let _ = write!(self.buffer, r#""{prefix}{number}""#);
            return;
        }
        let sku = self.sku();
        self.buffer.extend_from_slice(sku.as_bytes());
    }

    /// A sku as a JSON string, quotes included.
    fn sku(&mut self) -> String {
        let sku = match &self.shape.skus {
            Skus::One(sku) => sku.clone(),
            Skus::Spread { prefix, count } => {
                format!("{prefix}{}", self.rng.random_range(0..*count))
            }
            Skus::Zipf { prefix, up_to } => {
                let chance: f64 = self.rng.random();
                let index = up_to.partition_point(|limit| *limit < chance);
                format!("{prefix}{}", index.min(up_to.len() - 1))
            }
        };
        serde_json::Value::String(sku).to_string()
    }
}

fn needs_no_escape(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\')
}

/// A random key in the shape of a UUIDv4, as clients of the field send it.
#[must_use]
pub fn random_key(rng: &mut impl rand::Rng) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    uuid::Builder::from_random_bytes(rng.random())
        .into_uuid()
        .hyphenated()
        .encode_lower(&mut key);
    key
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;

    fn factory(dialect: Dialect, full: bool, skus: Skus) -> OrderFactory {
        OrderFactory::new(
            Shape {
                dialect,
                full,
                skus,
                quantity: 2,
            },
            7,
        )
    }

    #[test]
    fn by_zipfs_law_the_second_sku_is_ordered_half_as_often_as_the_first() {
        let mut factory = factory(Dialect::Sales, false, Skus::zipf("p", 100, 1.0));
        let mut counts = [0; 100];
        for _ in 0..20_000 {
            let order = body(&factory.make());
            let sku = order["items"][0]["productId"].as_str().unwrap().to_owned();
            counts[sku[1..].parse::<usize>().unwrap()] += 1;
        }
        let ratio = f64::from(counts[0]) / f64::from(counts[1]);
        assert!((1.7..2.3).contains(&ratio), "{ratio}");
        assert!(counts.iter().all(|n| *n > 0), "{counts:?}");
    }

    fn spread() -> Skus {
        Skus::Spread {
            prefix: "product-".into(),
            count: 10,
        }
    }

    fn body(order: &DraftOrder) -> Value {
        serde_json::from_slice(&order.body).unwrap()
    }

    #[test]
    fn a_sales_order_is_the_contracts_json() {
        let order = body(&factory(Dialect::Sales, false, spread()).make());
        assert!(
            order["customerId"]
                .as_str()
                .unwrap()
                .starts_with("customer-")
        );
        let [item] = order["items"].as_array().unwrap().as_slice() else {
            panic!("{order}")
        };
        assert!(item["productId"].as_str().unwrap().starts_with("product-"));
        assert_eq!(
            (item["quantity"].as_u64(), item["price"].as_f64()),
            (Some(2), Some(29.99))
        );
    }

    #[test]
    fn a_v1_order_is_the_contracts_json() {
        let order = body(&factory(Dialect::V1, false, Skus::One("MUG-1".into())).make());
        assert_eq!(order["currency"], "EUR");
        assert_eq!(order["lines"][0]["sku"], "MUG-1");
        assert_eq!(order["lines"][0]["unitPrice"], "29.99");
    }

    #[test]
    fn a_sku_that_needs_escapes_stays_valid_json() {
        for skus in [
            Skus::One("a\"b\\c".into()),
            Skus::Spread {
                prefix: "a\"b\\c".into(),
                count: 3,
            },
        ] {
            for dialect in [Dialect::Sales, Dialect::V1] {
                let order = body(&factory(dialect, false, skus.clone()).make());
                assert!(order.to_string().contains(r#"a\"b\\c"#), "{order}");
            }
        }
    }

    #[test]
    fn keys_look_like_uuids_and_do_not_repeat() {
        let mut factory = factory(Dialect::Sales, false, spread());
        let keys: HashSet<String> = (0..10_000)
            .map(|_| factory.make().key.to_str().unwrap().to_owned())
            .collect();
        assert_eq!(keys.len(), 10_000);
        let key: uuid::Uuid = keys.iter().next().unwrap().parse().unwrap();
        assert_eq!(key.get_version_num(), 4);
    }

    #[test]
    fn the_same_seed_makes_the_same_orders() {
        let make = || {
            let order = factory(Dialect::V1, true, spread()).make();
            (order.key, order.body)
        };
        assert_eq!(make(), make());
    }
}
