//! The prices that count where an order names none.

use waybill_domain::money::{Currency, UnitPrice};
use waybill_domain::text::Sku;

const PRICES: [(&str, &str); 5] = [
    ("LAPTOP-001", "1299.99"),
    ("MOUSE-001", "89.99"),
    ("KEYBOARD-001", "149.99"),
    ("LAPTOP-a-001", "999.99"),
    ("SMARTPHONE-b-002", "599.99"),
];

/// The price of a sku in USD; 0 for those that are not listed.
pub fn price(sku: &Sku) -> UnitPrice {
    let listed = PRICES.iter().find(|(of, _)| *of == sku.as_str());
    let text = listed.map_or("0.00", |(_, price)| price);
    UnitPrice::parse_plain(text, Currency::USD).expect("a test reads every listed price")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_costs_nothing_and_skus_are_case_sensitive() {
        for (sku, expected) in PRICES
            .into_iter()
            .chain([("laptop-001", "0.00"), ("MUG-1", "0.00")])
        {
            let found = price(&Sku::stored(sku)).show(Currency::USD).to_string();
            assert_eq!(found, expected, "{sku}");
        }
    }
}
