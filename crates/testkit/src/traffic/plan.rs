//! What a client wants next, and what its orders look like.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::Load;
use crate::journal::Dialect;

/// What a client does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// A new order.
    New,
    /// An order that asks for more than there is.
    Short,
    /// The same key and body as an order whose answer it has.
    Replay,
    /// The same key and body as an order whose answer it never got.
    AskAgain,
    /// A key it used, with another body: a mistake.
    OtherBody,
    /// To cancel an order it has.
    Cancel,
}

impl Wish {
    pub(super) fn draw(rng: &mut StdRng) -> Self {
        match rng.random_range(0..100) {
            0..60 => Self::New,
            60..65 => Self::Short,
            65..75 => Self::Replay,
            75..87 => Self::AskAgain,
            87..91 => Self::OtherBody,
            _ => Self::Cancel,
        }
    }
}

/// The skus of a run: plenty of most, too little of some, one that every client orders.
pub struct Shelf {
    stock: Vec<(String, u64)>,
}

const HOT: &str = "HOT-0";
const SHORT: &str = "SHORT-0";

impl Shelf {
    pub(super) fn new(load: &Load) -> Self {
        let plenty = (0..20).map(|n| (format!("PLENTY-{n}"), load.orders * 20));
        // Sold out in the middle of the run, so that orders compete for the last units.
        let scarce = (0..5).map(|n| (format!("SCARCE-{n}"), load.orders / 25 + 5));
        let special = [(HOT.to_string(), load.orders * 20), (SHORT.to_string(), 50)];
        Self {
            stock: plenty.chain(scarce).chain(special).collect(),
        }
    }

    /// Each sku and what is on hand of it at the beginning.
    pub fn stock(&self) -> &[(String, u64)] {
        &self.stock
    }

    /// An order in this dialect. It carries its key, so that the request of a stored order is known: in
    /// its metadata, or as the customer where there is no metadata.
    pub(super) fn order(
        &self,
        rng: &mut StdRng,
        dialect: Dialect,
        key: &str,
        short: bool,
    ) -> Value {
        let lines = self.lines(rng, short);
        match dialect {
            Dialect::V1 => v1(rng, key, &lines),
            Dialect::Sales => sales(key, &lines),
        }
    }

    fn lines(&self, rng: &mut StdRng, short: bool) -> Vec<Value> {
        let mut lines: Vec<Value> = (0..[1, 1, 1, 2, 3, 5].choose(rng).copied().unwrap_or(1))
            .map(|_| {
                let any = self.stock[rng.random_range(0..self.stock.len() - 1)]
                    .0
                    .as_str();
                let sku = if rng.random_bool(0.1) { HOT } else { any };
                line(rng, sku, 1..4)
            })
            .collect();
        if short {
            lines.push(line(rng, SHORT, 1000..100_000));
        }
        lines
    }
}

fn v1(rng: &mut StdRng, key: &str, lines: &[Value]) -> Value {
    let total = total(lines);
    let mut order = json!({"currency": "EUR", "lines": lines, "metadata": {"key": key}});
    if rng.random_bool(0.3) {
        order["total"] = json!(total);
    }
    if rng.random_bool(0.25) {
        order["clientReference"] = json!(format!("ref-{key}"));
    }
    if rng.random_bool(0.2) {
        order["customer"] =
            json!({"id": format!("c-{}", rng.random_range(0..1000)), "email": "a@example.org"});
        order["shippingAddress"] = json!({
            "name": "A. Muster", "address1": "Weg 1", "city": "Ulm", "postalCode": "89073", "countryCode": "DE",
        });
    }
    order
}

/// There, prices are JSON numbers; with two digits they are written as they were read.
fn sales(key: &str, lines: &[Value]) -> Value {
    let items = lines.iter().map(|line| {
        let price: f64 = line["unitPrice"]
            .as_str()
            .and_then(|p| p.parse().ok())
            .expect("ours");
        json!({"productId": line["sku"], "quantity": line["quantity"], "price": price})
    });
    json!({"customerId": key, "items": items.collect::<Vec<_>>()})
}

fn line(rng: &mut StdRng, sku: &str, quantity: std::ops::Range<u64>) -> Value {
    let cents = rng.random_range(1..20_000);
    json!({"sku": sku, "quantity": rng.random_range(quantity), "unitPrice": amount(cents)})
}

fn amount(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// Quantity times price, summed, in exact cents: every unit price has two digits.
fn total(lines: &[Value]) -> String {
    let cents = lines.iter().map(|line| {
        let price = line["unitPrice"].as_str().expect("ours").replace('.', "");
        line["quantity"].as_u64().expect("ours") * price.parse::<u64>().expect("ours")
    });
    amount(cents.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_orders_the_same() {
        let shelf = Shelf::new(&Load {
            clients: 1,
            pause_ms: 0,
            orders: 100,
        });
        let orders = || {
            let mut rng = crate::seed::stream(7, "client", 3);
            (0..50)
                .map(|n| {
                    let dialect = if n % 2 == 0 {
                        Dialect::V1
                    } else {
                        Dialect::Sales
                    };
                    shelf
                        .order(&mut rng, dialect, &format!("k-{n}"), n % 5 == 0)
                        .to_string()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(orders(), orders());
    }

    #[test]
    fn totals_are_exact() {
        let lines = [
            json!({"quantity": 3, "unitPrice": "0.01"}),
            json!({"quantity": 2, "unitPrice": "199.99"}),
        ];
        assert_eq!(total(&lines), "400.01");
    }
}
