//! I19 of the archive: each document is the order that its row names, no order is on both sides, and the units that left
//! with archived orders are what their documents say.

use super::{Report, Tables};
use crate::archive::{self, ArchivedOrder, Consumed};
use crate::error::Result;
use std::collections::HashMap;

/// What the row of an archived order says: number, id, tenant, status, version.
type Named = [String; 5];

/// Checks every document.
pub(super) async fn check(tables: &mut dyn Tables, report: &mut Report) -> Result<()> {
    if tables.schema().await? < archive::SINCE {
        return Ok(());
    }
    let mut named: HashMap<String, Named> = HashMap::new();
    let sql = "SELECT n, order_id, tenant, status, version FROM archived_orders";
    tables
        .rows(sql, &mut |row| {
            let row: Named = std::array::from_fn(|cell| row[cell].clone());
            named.insert(row[0].clone(), row);
        })
        .await?;
    report.counts.archived = named.len();
    let mut consumed = Consumed::new();
    tables
        .archived(&mut |order| check_order(order, &named, &mut consumed, report))
        .await?;
    let sql =
        "SELECT a.order_id FROM archived_orders a JOIN orders o ON o.id = a.order_id OR o.n = a.n";
    tables
        .rows(sql, &mut |row| {
            let subject = format!("order {}", row[0]);
            report.find("I19", subject, "is in the archive and among the orders");
        })
        .await?;
    let sql = "SELECT tenant, sku, vendor, units FROM archived_stock";
    tables
        .rows(sql, &mut |row| {
            let key = (row[0].clone(), row[1].clone(), row[2].clone());
            let told = consumed.remove(&key).unwrap_or_default();
            if row[3] != told.to_string() {
                let subject = format!("stock {}@{} of {}", row[1], row[2], row[0]);
                let detail = format!(
                    "{} units left with archived orders, whose documents say {told}",
                    row[3]
                );
                report.find("I19", subject, detail);
            }
        })
        .await?;
    for ((tenant, sku, vendor), told) in consumed {
        let subject = format!("stock {sku}@{vendor} of {tenant}");
        let detail = format!("no units left with archived orders, whose documents say {told}");
        report.find("I19", subject, detail);
    }
    Ok(())
}

fn check_order(
    order: Result<ArchivedOrder>,
    named: &HashMap<String, Named>,
    consumed: &mut Consumed,
    report: &mut Report,
) {
    let order = match order {
        Ok(order) => order,
        Err(error) => return report.find("I19", "archive", error.to_string()),
    };
    let subject = format!("order {}", order.id);
    let row = named.get(&order.number.to_string());
    for (column, place) in [
        ("n", 0),
        ("id", 1),
        ("tenant", 2),
        ("status", 3),
        ("version", 4),
    ] {
        let told = order.document.of_order(column);
        let told = told.unwrap_or_else(|error| error.to_string());
        let row = row.map_or("nothing", |row| row[place].as_str());
        if row != told {
            let detail = format!("its row in the archive has {column} {row}, its document {told}");
            report.find("I19", subject.clone(), detail);
        }
    }
    match order.document.consumed() {
        Ok(of) => {
            for (row, units) in of {
                *consumed.entry(row).or_default() += units;
            }
        }
        Err(error) => report.find("I19", subject, error.to_string()),
    }
}
