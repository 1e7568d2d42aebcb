//! I19 of the archive: each document is the order that its row names, no order is on both sides, and the units that left
//! with archived orders are what their documents say.

use super::{Report, Tables};
use crate::archive::{self, ArchivedOrder, Consumed};
use crate::error::Result;

/// Checks every document.
pub(super) async fn check(tables: &mut dyn Tables, report: &mut Report) -> Result<()> {
    if tables.schema().await? < archive::SINCE {
        return Ok(());
    }
    let mut consumed = Consumed::new();
    tables
        .archived(&mut |order| {
            report.counts.archived += 1;
            match order {
                Ok(order) => check_order(&order, &mut consumed, report),
                Err(error) => report.find("I19", "archive", error.to_string()),
            }
        })
        .await?;
    let sql = "SELECT a.order_id FROM archived_orders a JOIN orders o ON o.id = a.order_id \
         UNION SELECT a.order_id FROM archived_orders a JOIN orders o ON o.n = a.n";
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

fn check_order(order: &ArchivedOrder, consumed: &mut Consumed, report: &mut Report) {
    let subject = format!("order {}", order.id);
    for (column, row) in [
        ("n", order.number.to_string()),
        ("id", order.id.to_string()),
        ("tenant", order.tenant.to_string()),
        ("status", order.status.clone()),
        ("version", order.version.to_string()),
    ] {
        let told = order.document.of_order(column);
        let told = told.unwrap_or_else(|error| error.to_string());
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
