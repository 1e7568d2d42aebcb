//! Reads what a vendor answers to `GET /stock`: a list of `{"sku","quantity"}`.

use serde::Deserialize;
use serde_json::Value;
use waybill_domain::vendor_stock::Snapshot;

/// A row as it comes. Members that are not known are passed over, as vendors may add some.
#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    sku: Value,
    #[serde(default)]
    quantity: Value,
}

/// The largest number that a JSON number with a point holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads a list.
///
/// # Errors
/// It is no list of rows.
pub fn read(body: &[u8]) -> Result<Snapshot, String> {
    let rows: Vec<Row> = serde_json::from_slice(body).map_err(|error| {
        format!(
            "it is no list of {{\"sku\",\"quantity\"}}: wrong at line {}, column {}",
            error.line(),
            error.column()
        )
    })?;
    let mut snapshot = Snapshot::default();
    for row in rows {
        let sku = row.sku.as_str().unwrap_or_default();
        snapshot.add(sku, whole(&row.quantity));
    }
    Ok(snapshot)
}

/// A whole number; 5 and 5.0 are the same one.
fn whole(value: &Value) -> Option<i64> {
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let number = value.as_f64()?;
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_can_be_true_are_taken_and_others_refused() {
        let body = br#"[{"sku":"A","quantity":5,"price":1},{"sku":"B","quantity":5.0},{"sku":"C","quantity":2.5},
            {"sku":"D"},{"sku":"E","quantity":1e30},{"sku":"F","quantity":-1},{"sku":7,"quantity":1},{"sku":"G","quantity":"5"}]"#;
        let snapshot = read(body).expect("a list");
        assert_eq!((snapshot.len(), snapshot.refused_count), (2, 6));
    }

    #[test]
    fn what_is_no_list_is_refused_without_its_words() {
        for body in [
            &b"<!doctype html><p>secret"[..],
            b"{\"sku\":\"A\"}",
            b"[{\"sku\":\"A\",",
            b"",
            b"[1]",
        ] {
            let why = read(body).expect_err("no list");
            assert!(why.contains("no list") && !why.contains("secret"), "{why}");
        }
    }
}
