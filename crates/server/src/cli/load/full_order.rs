//! The full order of `load --full`: three lines, both addresses, taxes, shipping, metadata; about
//! 2 kB, as a shop with every field filled in sends it.

use std::fmt::Write as _;

use bytes::BytesMut;

/// No order written here is longer, skus of up to 200 bytes included.
pub const LONGEST_BYTES: usize = 4096;

/// Unit price, discount and tax of each line, in cents. The tax is the 19 % within the price; it is
/// stated, not checked.
const LINES: [(u64, u64, u64); 3] = [(1290, 100, 396), (4999, 0, 1596), (350, 50, 104)];
const SHIPPING_CENTS: u64 = 490;

/// Writes the order; `skus` are JSON strings with their quotes.
pub fn write(out: &mut BytesMut, customer: u32, skus: &[String; 3], quantity: u32) {
    // Writing to a BytesMut cannot fail: it grows.
    let _ = write!(
        out,
        r#"{{"channel":"web","currency":"EUR","placedAt":"2026-05-04T10:00:00Z","customer":{{"id":"customer-{customer}","email":"customer-{customer}@shop.example","phone":"+49 731 5550{customer:07}","locale":"de-DE"}},"shippingAddress":{{"name":"Annegret Mustermann","company":"Mustermann & Töchter GmbH","address1":"Lange Straße {house}","address2":"Hinterhaus, 2. Stock links","city":"Ulm an der Donau","region":"Baden-Württemberg","postalCode":"89073","countryCode":"DE"}},"billingAddress":{{"name":"Buchhaltung, z. Hd. Frau Mustermann","company":"Mustermann & Töchter GmbH","address1":"Postfach {house}","address2":null,"city":"Neu-Ulm","region":"Bayern","postalCode":"89231","countryCode":"DE"}},"deliveryMethod":{{"code":"dhl","name":"DHL Paket","serviceLevel":"standard"}},"lines":["#,
        house = customer % 200 + 1,
    );
    let mut total = SHIPPING_CENTS;
    for (number, ((unit, discount, tax), sku)) in LINES.iter().zip(skus).enumerate() {
        total += unit * u64::from(quantity) - discount;
        let comma = if number == 0 { "" } else { "," };
        let _ = write!(
            out,
            r#"{comma}{{"sku":{sku},"name":"Becher mit Henkel, 330 ml, Ausführung {number}","quantity":{quantity},"unitPrice":"{}","discount":"{}","tax":"{}","requiresShipping":true,"metadata":{{"giftWrap":"no","engraving":"Für Karla, zum {number}. Geburtstag","shelf":"A-{number}-17"}}}}"#,
            Cents(*unit),
            Cents(*discount),
            Cents(*tax),
        );
    }
    let _ = write!(
        out,
        r#"],"shippingLines":[{{"code":"std","price":"{}","tax":"0.78"}}],"fees":[],"taxIncluded":true,"total":"{}","paymentStatus":"paid","paymentReference":"pi_{customer}","holds":[],"allocationPolicy":"reject","metadata":{{"campaign":"spring-sale-2026","basket":"b-{customer}","referrer":"newsletter","consent":"terms-7,privacy-4","abTest":"checkout-short:B"}},"notes":"Bitte bei der Nachbarin im Erdgeschoss abgeben, falls niemand öffnet."}}"#,
        Cents(SHIPPING_CENTS),
        Cents(total),
    );
}

/// An amount in cents, shown as the decimal string of `/v1`.
struct Cents(u64);

impl std::fmt::Display for Cents {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_full_order_is_valid_its_total_adds_up_and_it_is_about_two_kilobytes() {
        let mut out = BytesMut::new();
        write(
            &mut out,
            999_999,
            &[1, 2, 3].map(|n| format!("\"product-{n}\"")),
            2,
        );
        assert!((1800..2600).contains(&out.len()), "{} bytes", out.len());
        let order: Value = serde_json::from_slice(&out).unwrap();
        let cents = |value: &Value| {
            value
                .as_str()
                .unwrap()
                .replace('.', "")
                .parse::<u64>()
                .unwrap()
        };
        let lines = order["lines"].as_array().unwrap();
        let sum: u64 = lines
            .iter()
            .map(|line| {
                cents(&line["unitPrice"]) * line["quantity"].as_u64().unwrap()
                    - cents(&line["discount"])
            })
            .sum();
        assert_eq!(lines.len(), 3);
        assert_eq!(
            cents(&order["total"]),
            sum + cents(&order["shippingLines"][0]["price"])
        );
    }
}
