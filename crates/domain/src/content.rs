//! The part of an order that never changes after it was accepted: the request, parsed into exact types.
//!
//! [`Content`] has no personal data except the customer's id. All other personal data is in [`Personal`], which is
//! stored separately and can be erased.

use crate::canonical::canonical;
use crate::event::EventKind;
use crate::ids::OrderId;
use crate::money::{Currency, Minor, Rounding, UnitPrice};
use crate::problem::{Problem, code};
use crate::status::AllocationPolicy;
use crate::text::Sku;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fmt;

/// One line as it was ordered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LineContent {
    pub sku: Sku,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub quantity: i64,
    pub unit_price: UnitPrice,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Minor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Minor>,
    /// Whether the line needs a carrier, as it was sent; `None` when the field was absent, which means yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires_shipping: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Box<RawValue>>,
}

/// A charge beside the lines: shipping, or a fee.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Charge {
    pub code: String,
    pub price: Minor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Minor>,
}

/// The delivery method the caller asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryMethod {
    pub code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_level: Option<String>,
}

/// What was ordered. Amounts are minor units of `currency`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    pub currency: Currency,
    pub total: Minor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces_order_id: Option<OrderId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed_at: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_method: Option<DeliveryMethod>,
    #[serde(default)]
    pub tax_included: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_status: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_reference: Option<String>,
    #[serde(default = "reject", skip_serializing_if = "is_reject")]
    pub allocation_policy: AllocationPolicy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promised_by: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Box<RawValue>>,
    pub lines: Vec<LineContent>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shipping_lines: Vec<Charge>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fees: Vec<Charge>,
}

fn reject() -> AllocationPolicy {
    AllocationPolicy::Reject
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature serde asks for"
)]
fn is_reject(policy: &AllocationPolicy) -> bool {
    *policy == AllocationPolicy::Reject
}

/// A postal address.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    pub name: Option<String>,
    pub company: Option<String>,
    pub address1: Option<String>,
    pub address2: Option<String>,
    pub city: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    pub country_code: Option<String>,
}

impl Address {
    /// Each field with its name on the wire.
    #[must_use]
    pub fn fields(&self) -> [(&'static str, Option<&str>); 8] {
        [
            ("name", self.name.as_deref()),
            ("company", self.company.as_deref()),
            ("address1", self.address1.as_deref()),
            ("address2", self.address2.as_deref()),
            ("city", self.city.as_deref()),
            ("region", self.region.as_deref()),
            ("postalCode", self.postal_code.as_deref()),
            ("countryCode", self.country_code.as_deref()),
        ]
    }
}

/// Data about a person; stored in a table of its own, and in no event and no log line.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Personal {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping_address: Option<Address>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing_address: Option<Address>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// Shows that there is an address and nothing of it, so that no log line or error text can.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(…)")
    }
}

/// As the `Debug` of [`Address`].
impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Personal(…)")
    }
}

impl Personal {
    /// Whether an order's event is sent to another store with what delivery needs of the order's personal data: those
    /// that may be the first from which shipments are made.
    #[must_use]
    pub fn goes_with(kind: EventKind) -> bool {
        kind == EventKind::OrderConfirmed || kind == EventKind::OrderLinesReleased
    }

    /// What delivery needs: the shipping address. `None` when the order has none.
    #[must_use]
    pub fn for_delivery(self) -> Option<Self> {
        let shipping_address = Some(self.shipping_address?);
        Some(Self {
            shipping_address,
            ..Self::default()
        })
    }

    /// Whether no field is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The sums of an order's amounts, in minor units of its currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub lines: Minor,
    pub discounts: Minor,
    pub shipping: Minor,
    pub fees: Minor,
    pub taxes: Minor,
    pub total: Minor,
}

impl Content {
    /// Adds up all amounts: lines − discounts + shipping + fees, + taxes unless they are included. Each line is rounded
    /// once.
    ///
    /// # Errors
    /// `amount_out_of_range` when a sum does not fit into 64 bits.
    pub fn sums(&self, rounding: Rounding) -> Result<Sums, Problem> {
        let sum = |mut amounts: &mut dyn Iterator<Item = Minor>| {
            Iterator::try_fold(&mut amounts, Minor(0), Minor::plus).ok_or_else(too_big)
        };
        let mut lines = Minor(0);
        for line in &self.lines {
            lines = line
                .unit_price
                .times(line.quantity, rounding)
                .and_then(|amount| lines.plus(amount))
                .ok_or_else(too_big)?;
        }
        let discounts = sum(&mut self.lines.iter().filter_map(|l| l.discount))?;
        let shipping = sum(&mut self.shipping_lines.iter().map(|c| c.price))?;
        let fees = sum(&mut self.fees.iter().map(|c| c.price))?;
        let charges = self
            .shipping_lines
            .iter()
            .chain(&self.fees)
            .filter_map(|c| c.tax);
        let taxes = sum(&mut self.lines.iter().filter_map(|l| l.tax).chain(charges))?;
        let added_tax = if self.tax_included { Minor(0) } else { taxes };
        let total = lines
            .minus(discounts)
            .and_then(|t| t.plus(shipping))
            .and_then(|t| t.plus(fees))
            .and_then(|t| t.plus(added_tax));
        Ok(Sums {
            lines,
            discounts,
            shipping,
            fees,
            taxes,
            total: total.ok_or_else(too_big)?,
        })
    }

    /// Checks that no line's discount is more than the line.
    ///
    /// # Errors
    /// `invalid_amount`, naming the line's discount.
    pub fn check_discounts(&self, rounding: Rounding) -> Result<(), Problem> {
        for (index, line) in self.lines.iter().enumerate() {
            let Some(discount) = line.discount else {
                continue;
            };
            let amount = line.unit_price.times(line.quantity, rounding);
            let amount = amount.ok_or_else(too_big)?;
            if discount > amount {
                let show = |amount: Minor| amount.show(self.currency);
                let detail = format!(
                    "at most the line, {}; found {}",
                    show(amount),
                    show(discount)
                );
                let field = format!("lines[{index}].discount");
                return Err(Problem::new(code::INVALID_AMOUNT, field, detail));
            }
        }
        Ok(())
    }

    /// A copy of the content with its metadata in canonical form, by which two bodies are compared. `None` when there
    /// is no metadata: the content itself is compared then.
    #[must_use]
    pub fn canonical_metadata(&self) -> Option<Self> {
        let lines = self.lines.iter().map(|line| &line.metadata);
        if lines.chain([&self.metadata]).all(Option::is_none) {
            return None;
        }
        let mut compared = self.clone();
        let lines = compared.lines.iter_mut().map(|line| &mut line.metadata);
        for metadata in lines.chain([&mut compared.metadata]).flatten() {
            // Metadata without a canonical form was accepted by an earlier version and is compared as it was sent.
            let form = canonical(metadata.get()).ok();
            if let Some(Ok(form)) = form.map(RawValue::from_string) {
                *metadata = form;
            }
        }
        Some(compared)
    }

    /// Checks the caller's total against the sum. The problem shows how the sum was calculated.
    ///
    /// # Errors
    /// `total_mismatch`, or those of [`Content::sums`].
    pub fn check_total(&self, stated: Minor, rounding: Rounding) -> Result<(), Problem> {
        let sums = self.sums(rounding)?;
        if sums.total == stated {
            return Ok(());
        }
        let show = |amount: Minor| amount.show(self.currency).to_string();
        let taxes = if self.tax_included {
            String::new()
        } else {
            format!(" + taxes {}", show(sums.taxes))
        };
        let mut lines = self.lines.iter();
        let rounded = if lines.any(|line| line.unit_price.is_rounded(line.quantity)) {
            format!(" (each rounded {})", rounding.in_words())
        } else {
            String::new()
        };
        let detail = format!(
            "lines {}{rounded} − discounts {} + shipping {} + fees {}{taxes} = {}; the request says {}",
            show(sums.lines),
            show(sums.discounts),
            show(sums.shipping),
            show(sums.fees),
            show(sums.total),
            show(stated),
        );
        Err(Problem::new(code::TOTAL_MISMATCH, "total", detail))
    }
}

fn too_big() -> Problem {
    let detail = "the amounts add up to more than can be kept";
    Problem::new(code::AMOUNT_OUT_OF_RANGE, "total", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(price: &str, quantity: i64) -> Content {
        let currency = Currency::parse("EUR").unwrap();
        let line = serde_json::json!({"sku": "MUG-1", "quantity": quantity, "unitPrice": 0, "discount": 100, "tax": 396});
        let mut content: Content =
            serde_json::from_value(serde_json::json!({"currency": "EUR", "total": 0, "taxIncluded": true, "lines": [line], "shippingLines": [{"code": "std", "price": 490, "tax": 78}]})).unwrap();
        content.lines[0].unit_price = UnitPrice::parse(price, currency).unwrap();
        content
    }

    #[test]
    fn the_sum_is_told_when_the_total_differs() {
        let problem = content("12.90", 2)
            .check_total(Minor(3_070), Rounding::HalfEven)
            .unwrap_err();
        assert_eq!(
            problem.detail,
            "lines 25.80 − discounts 1.00 + shipping 4.90 + fees 0.00 = 29.70; the request says 30.70"
        );
        assert_eq!(
            content("12.90", 2).check_total(Minor(2_970), Rounding::HalfUp),
            Ok(())
        );
    }

    #[test]
    fn a_total_that_was_rounded_otherwise_is_told_how_it_was_rounded() {
        let content = Content {
            shipping_lines: vec![],
            lines: vec![LineContent {
                discount: None,
                ..content("1.115", 3).lines.remove(0)
            }],
            ..content("1.115", 3)
        };
        let told = |stated, rounding| {
            content
                .check_total(Minor(stated), rounding)
                .map_err(|p| p.detail)
        };
        assert_eq!(told(334, Rounding::HalfEven), Ok(()));
        assert_eq!(told(335, Rounding::HalfUp), Ok(()));
        assert_eq!(
            told(335, Rounding::HalfEven).unwrap_err(),
            "lines 3.34 (each rounded half to even) − discounts 0.00 + shipping 0.00 + fees 0.00 = 3.34; the request says 3.35"
        );
    }

    #[test]
    fn a_discount_is_at_most_its_line() {
        let with = |discount| {
            let mut content = content("5.00", 2);
            content.lines[0].discount = Some(Minor(discount));
            content.check_discounts(Rounding::HalfEven)
        };
        assert_eq!(with(1_000), Ok(()));
        let problem = with(1_001).unwrap_err();
        assert_eq!(problem.field, "lines[0].discount");
        assert_eq!(problem.detail, "at most the line, 10.00; found 10.01");
    }

    #[test]
    fn metadata_is_compared_in_its_canonical_form() {
        let with = |metadata: &str| {
            let mut content = content("5.00", 2);
            content.lines[0].metadata = RawValue::from_string(metadata.to_owned()).ok();
            let compared = content.canonical_metadata().expect("it has metadata");
            serde_json::to_string(&compared).unwrap()
        };
        assert_eq!(
            with(r#"{"a":10.0,"b":"\u00fc"}"#),
            with(r#"{ "b":"ü", "a":10 }"#)
        );
        assert_ne!(with(r#"{"a":1}"#), with(r#"{"a":2}"#));
        assert!(content("5.00", 2).canonical_metadata().is_none());
    }

    #[test]
    fn taxes_count_unless_they_are_included() {
        let excluded = Content {
            tax_included: false,
            ..content("12.90", 2)
        };
        assert_eq!(
            excluded.sums(Rounding::HalfEven).unwrap().total,
            Minor(2_970 + 396 + 78)
        );
    }

    #[test]
    fn a_sum_that_does_not_fit_is_refused() {
        assert_eq!(
            content("922337203685", 1_000_000)
                .sums(Rounding::HalfEven)
                .unwrap_err()
                .code,
            code::AMOUNT_OUT_OF_RANGE
        );
    }
}
