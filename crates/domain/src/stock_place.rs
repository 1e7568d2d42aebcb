//! Where a list of stock goes on: the place that a cursor holds.
//!
//! Lists are sorted by sku and then by vendor, both by their bytes. A place is the last row that was shown.

use crate::stock::StockRow;
use std::fmt;

/// Between sku and vendor in the text of a place; neither of them may have it.
const BETWEEN: char = '\0';
/// Sorts after every vendor.
const LAST_VENDOR: &str = "\u{10ffff}";

/// A place in a list of stock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockPlace {
    sku: String,
    /// `None` in a cursor of an earlier version, which named a sku only: the list goes on with the next sku.
    vendor: Option<String>,
}

impl StockPlace {
    /// The place of a row.
    #[must_use]
    pub fn of(row: &StockRow) -> Self {
        Self {
            sku: row.sku.as_str().to_owned(),
            vendor: Some(row.vendor.as_str().to_owned()),
        }
    }

    /// Reads the text that [`fmt::Display`] writes, or a sku alone; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (sku, vendor) = match text.split_once(BETWEEN) {
            Some((sku, vendor)) => (sku, Some(vendor)),
            None => (text, None),
        };
        if vendor.is_some_and(|vendor| vendor.contains(BETWEEN)) {
            return None;
        }
        Some(Self {
            sku: sku.to_owned(),
            vendor: vendor.map(str::to_owned),
        })
    }

    /// The sku and vendor after which a list goes on; the whole list comes after the two empty texts that `None` gives.
    #[must_use]
    pub fn sort_key(after: Option<&Self>) -> (&str, &str) {
        after.map_or(("", ""), |place| {
            let vendor = place.vendor.as_deref().unwrap_or(LAST_VENDOR);
            (place.sku.as_str(), vendor)
        })
    }
}

impl fmt::Display for StockPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sku)?;
        match &self.vendor {
            Some(vendor) => write!(f, "{BETWEEN}{vendor}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::StockLevel;
    use crate::text::{Sku, Tenant, Vendor};
    use crate::time::Time;

    fn place(sku: &str, vendor: &str) -> StockPlace {
        StockPlace::of(&StockRow {
            tenant: Tenant::default(),
            sku: Sku::stored(sku),
            vendor: Vendor::stored(vendor),
            level: StockLevel::default(),
            synced_at: Time(0),
        })
    }

    #[test]
    fn a_place_reads_back_as_it_was_written() {
        for (sku, vendor) in [("MUG-1", "local"), ("K 1/ü", "VendorA"), ("a", "b")] {
            let place = place(sku, vendor);
            let text = place.to_string();
            assert_eq!(text, format!("{sku}\0{vendor}"));
            let read = StockPlace::parse(&text);
            assert_eq!(StockPlace::sort_key(read.as_ref()), (sku, vendor));
            assert_eq!(read, Some(place));
        }
    }

    #[test]
    fn a_sku_alone_goes_on_after_all_of_its_vendors() {
        let alone = StockPlace::parse("MUG-1").expect("a place of an earlier version");
        assert_eq!(alone.to_string(), "MUG-1");
        let key = StockPlace::sort_key(Some(&alone));
        for vendor in ["", "local", "zz", "ü", "\u{10fffe}"] {
            assert!(key > ("MUG-1", vendor), "{vendor:?}");
        }
        assert!(key < ("MUG-10", ""));
    }

    #[test]
    fn without_a_place_a_list_begins_before_its_first_row() {
        let key = StockPlace::sort_key(None);
        assert!(key < ("\u{1}", "\u{1}"));
        let empty = StockPlace::parse("").expect("as the beginning");
        assert!(StockPlace::sort_key(Some(&empty)) < ("\u{1}", ""));
    }

    #[test]
    fn a_text_with_more_than_two_parts_is_no_place() {
        for bad in ["a\0b\0c", "\0\0", "a\0b\0"] {
            assert_eq!(StockPlace::parse(bad), None, "{bad:?}");
        }
    }
}
