//! Wire formats that existing clients already use: one folder each. A dialect translates and holds no logic.

pub mod aggregator;
pub mod item_fault;
pub mod item_order;
pub mod item_price;
pub mod sales;
pub mod services;

use super::dialect::Dialect;
use super::v1;

/// A list of dialects.
pub type Dialects = &'static [&'static Dialect];

/// The dialects of this build; the last one also has all paths without a dialect's prefix.
pub const ALL: Dialects = &[
    &aggregator::DIALECT,
    &sales::DIALECT,
    &services::DIALECT,
    &services::TOKENS,
    &v1::DIALECT,
];

/// The dialect of a path.
#[must_use]
pub fn of_path(dialects: Dialects, path: &str) -> &'static Dialect {
    let below = |prefix: &str| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let named = dialects
        .iter()
        .find(|dialect| dialect.prefixes.iter().any(|prefix| below(prefix)));
    named.copied().unwrap_or(&v1::DIALECT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_speaks_the_dialect_of_its_first_segment() {
        for (path, name) in [
            ("/api/orders", "sales"),
            ("/api", "sales"),
            ("/apis", "v1"),
            ("/order", "aggregator"),
            ("/orders/1", "services"),
            ("/delivery/shipment/1", "services"),
            ("/auth/token", "services-tokens"),
            ("/v1/orders", "v1"),
            ("/health", "v1"),
            ("/", "v1"),
            ("*", "v1"),
        ] {
            assert_eq!(of_path(ALL, path).name, name, "{path}");
        }
    }
}
