//! Whose order a body is: the paths for placing orders are shared with the sales dialect, whose items have a
//! `productId` where those of this one have a `sku`.

use serde_json::value::RawValue;

use super::{SHAPE, SHORT};
use crate::http::dialects::item_fault::ITEMS;
use crate::http::members::members;

/// The dialect of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Aggregator,
    /// Also what cannot be read, and what has no items.
    Sales,
    /// It names products in both ways.
    Both,
    /// It names none: of the dialect that the caller is taken to speak.
    Neither,
}

/// The dialect that the items of a body are of.
pub fn whose(body: &[u8]) -> Whose {
    let [items] = members(body, [ITEMS]).unwrap_or_default();
    let items = items.and_then(|items| serde_json::from_str::<Vec<&RawValue>>(items.get()).ok());
    let (mut ours, mut theirs) = (false, false);
    for item in items.iter().flatten() {
        let names = [SHAPE.product, SHORT.product];
        let [sku, product] = members(item.get().as_bytes(), names).unwrap_or_default();
        ours |= sku.is_some();
        theirs |= product.is_some();
    }
    match (ours, theirs) {
        (true, true) => Whose::Both,
        (true, false) => Whose::Aggregator,
        (false, true) => Whose::Sales,
        (false, false) => Whose::Neither,
    }
}

/// Whether a body may name a `sku`. Most orders that are placed at the shared path do not, and are not read twice.
pub fn may_name_a_sku(body: &[u8]) -> bool {
    let name = b"\"sku\"";
    // An escape may spell the name.
    body.contains(&b'\\') || body.windows(name.len()).any(|found| found == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_say_whose_order_it_is() {
        for (body, expected) in [
            (r#"{"items":[{"sku":"A"},{"sku":"B"}]}"#, Whose::Aggregator),
            (r#"{"items":[{"sku":"A"},{}]}"#, Whose::Aggregator),
            (r#"{"items":[{"productId":"A"}]}"#, Whose::Sales),
            (r#"{"items":[{"sku":"A"},{"productId":"B"}]}"#, Whose::Both),
            (r#"{"items":[{"sku":"A","productId":"A"}]}"#, Whose::Both),
            (r#"{"items":[{}]}"#, Whose::Neither),
            (r#"{"items":[]}"#, Whose::Neither),
            (r#"{"items":"sku"}"#, Whose::Neither),
            (r#"{"sku":"A"}"#, Whose::Neither),
            ("{}", Whose::Neither),
            ("", Whose::Neither),
            (r#"{"items":[{"sku":"A"}]"#, Whose::Neither),
        ] {
            assert_eq!(whose(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn a_sku_is_suspected_where_there_is_one() {
        for body in [
            r#"{"items":[{"sku":"A"}]}"#,
            r#"{"items":[{"s\u006bu":"A"}]}"#,
        ] {
            assert_eq!(whose(body.as_bytes()), Whose::Aggregator, "{body}");
            assert!(may_name_a_sku(body.as_bytes()), "{body}");
        }
        assert!(!may_name_a_sku(br#"{"items":[{"productId":"A"}]}"#));
    }
}
