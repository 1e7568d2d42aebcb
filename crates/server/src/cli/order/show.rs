//! Orders as a person reads them.

use serde_json::Value;

use crate::cli::output::{more, plain, table};

/// One order: what it is, where it stands, its lines.
pub fn order(order: &Value) -> String {
    let mut text = format!(
        "order       {}\nid          {}\nstatus      {}\ntotal       {} {}",
        plain(&order["orderNumber"]),
        plain(&order["id"]),
        plain(&order["status"]),
        plain(&order["total"]),
        plain(&order["currency"]),
    );
    for (name, value) in [
        ("customer", &order["customer"]["id"]),
        ("reference", &order["clientReference"]),
        ("created", &order["createdAt"]),
        ("updated", &order["updatedAt"]),
        ("reason", &order["cancelReason"]),
    ] {
        if !value.is_null() {
            text.push_str(&format!("\n{name:10}  {}", plain(value)));
        }
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let columns = [
        "sku",
        "ordered",
        "reserved",
        "backordered",
        "shipped",
        "delivered",
        "cancelled",
        "unitPrice",
    ];
    let rows: Vec<Vec<String>> = list(&order["lines"])
        .iter()
        .map(|line| columns.iter().map(|name| plain(&line[*name])).collect())
        .collect();
    if !rows.is_empty() {
        let titles = [
            "sku",
            "ordered",
            "reserved",
            "backordered",
            "shipped",
            "delivered",
            "cancelled",
            "unit price",
        ];
        text.push_str(&format!("\n\n{}\n", table(&titles, &rows)));
    }
    for hold in open_holds(order) {
        let why = ["reason", "note"].map(|name| plain(&hold[name])).join(" ");
        let line = format!("\non hold     {}  {}", why.trim_end(), plain(&hold["id"]));
        text.push_str(line.trim_end());
    }
    for shipment in list(&order["shipments"]) {
        let told =
            ["status", "vendor", "carrier", "trackingNumber"].map(|name| plain(&shipment[name]));
        text.push_str(&format!("\nshipment    {}", told.join("  ").trim_end()));
    }
    text
}

/// The holds that keep it from being delivered.
pub fn open_holds(order: &Value) -> impl Iterator<Item = &Value> {
    let holds = order["holds"].as_array().into_iter().flatten();
    holds.filter(|hold| hold["releasedAt"].is_null())
}

/// A page of orders.
pub fn list(page: &Value) -> String {
    let rows: Vec<Vec<String>> = page["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|order| {
            let amount = format!("{} {}", plain(&order["total"]), plain(&order["currency"]));
            let told = |name: &str| plain(&order[name]);
            vec![
                told("orderNumber"),
                told("id"),
                told("status"),
                amount,
                plain(&order["customer"]["id"]),
                told("createdAt"),
            ]
        })
        .collect();
    let unreadable = unreadable(page);
    let mut text = if !rows.is_empty() {
        table(
            &["number", "id", "status", "total", "customer", "created"],
            &rows,
        )
    } else if page["next"].is_string() || !unreadable.is_empty() {
        // The server reads a bounded number of rows per page, so a page may be empty and the list still go on.
        "no orders on this page".to_owned()
    } else {
        "no orders\nnext: waybill order create --sku MUG-1 --price 12.90".to_owned()
    };
    text.push_str(&unreadable);
    text.push_str(&more(page, "waybill order list"));
    text
}

/// The orders of a page that the server cannot show, each on a line of its own.
fn unreadable(page: &Value) -> String {
    let orders = page["unreadable"].as_array().into_iter().flatten();
    let lines = orders.map(|order| {
        let told = |name: &str| plain(&order[name]);
        format!(
            "\nunreadable: {} ({}): {}",
            told("orderNumber"),
            told("id"),
            told("detail")
        )
    });
    lines.collect()
}

/// The state of a cancellation.
pub fn cancelled(order: &Value) -> String {
    let id = plain(&order["id"]);
    match order["status"].as_str() {
        Some("cancelling") => {
            format!(
                "{id} is cancelling: delivery is being asked whether anything has left\nnext: waybill order watch {id}"
            )
        }
        _ => format!("{id} is {}", plain(&order["status"])),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_order_shows_its_lines_holds_and_shipments() {
        let text = order(
            &json!({"id":"018f","orderNumber":"WB-1","status":"processing","total":"25.80","currency":"EUR",
            "customer":{"id":"c-17"},"lines":[{"sku":"MUG-1","ordered":2,"reserved":2,"unitPrice":"12.90"}],
            "holds":[{"reason":"manual","note":"call first"},{"reason":"fraud_review","releasedAt":"2026-05-04T10:00:00Z"}],
            "shipments":[{"status":"shipped","carrier":"dhl","trackingNumber":"T1"}]}),
        );
        for part in [
            "WB-1",
            "25.80 EUR",
            "c-17",
            "MUG-1",
            "on hold     manual call first",
            "dhl  T1",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(
            !text.contains("fraud_review"),
            "a released hold holds nothing: {text}"
        );
    }

    #[test]
    fn a_page_names_the_way_to_the_next() {
        let text = list(
            &json!({"items":[{"id":"018f","orderNumber":"WB-1","status":"confirmed"}],"next":"abc"}),
        );
        assert!(text.contains("waybill order list --after abc"), "{text}");
        assert!(list(&json!({"items":[],"next":null})).contains("no orders"));
    }
}
