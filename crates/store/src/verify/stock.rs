//! I4 and I5: on hand = movements − consumed, reserved = open reservations, 0 ≤ reserved ≤ on hand.

use super::{Report, Tables};
use crate::archive;
use crate::error::Result;
use std::collections::HashMap;
use waybill_domain::text::Vendor;

/// Parses a number in a row that begins with tenant, sku and vendor. An invalid cell is a finding and counts as 0.
fn number(report: &mut Report, row: &[String], column: &str, cell: usize) -> i64 {
    let subject = format!("stock {}@{} of {}", row[1], row[2], row[0]);
    let read = report.number("I5", &subject, column, &row[cell]);
    // No error: the invalid cell was reported as a finding.
    read.unwrap_or(0)
}

/// Which command mends a row, and when it does not.
fn mend(sku: &str, vendor: &str) -> String {
    let sku = quoted(sku);
    let vendor = if vendor == Vendor::LOCAL {
        String::new()
    } else {
        format!(" --vendor {}", quoted(vendor))
    };
    format!(
        "`waybill stock reconcile {sku}{vendor}` mends it, beside running orders too, but not while an order of this sku is a finding itself"
    )
}

/// An argument as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./+:@".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// What each stock row must add up to: on hand, and reserved.
type Sums = HashMap<[String; 3], (i64, i64)>;

fn key(row: &[String]) -> [String; 3] {
    [row[0].clone(), row[1].clone(), row[2].clone()]
}

async fn sums(tables: &mut dyn Tables, report: &mut Report) -> Result<Sums> {
    let mut sums = Sums::new();
    tables.rows(
        "SELECT tenant, sku, vendor, SUM(delta) FROM stock_movements GROUP BY tenant, sku, vendor",
        &mut |row| {
            sums.entry(key(row)).or_default().0 += number(report, row, "the sum of movements", 3);
        },
    ).await?;
    if tables.schema().await? >= archive::SINCE {
        let sql = "SELECT tenant, sku, vendor, units FROM archived_stock";
        tables
            .rows(sql, &mut |row| {
                sums.entry(key(row)).or_default().0 -=
                    number(report, row, "the sum of archived orders", 3);
            })
            .await?;
    }
    // A vendor's units leave its row when it agrees, ours when they ship. Before schema 14 there were only ours.
    let left = if tables.schema().await? < 14 {
        "SUM(consumed)"
    } else {
        "SUM(CASE WHEN vendor = 'local' THEN consumed WHEN agreed_at IS NOT NULL THEN quantity ELSE 0 END)"
    };
    let open = "SUM(CASE WHEN state = 'held' OR state = 'committed' AND vendor = 'local' THEN quantity - consumed - released ELSE 0 END)";
    tables.rows(&format!("SELECT tenant, sku, vendor, {left}, {open} FROM reservations GROUP BY tenant, sku, vendor"), &mut |row| {
        let sum = sums.entry(key(row)).or_default();
        sum.0 -= number(report, row, "the sum of consumed units", 3);
        sum.1 += number(report, row, "the sum of open reservations", 4);
    }).await?;
    Ok(sums)
}

/// Compares every stock row with the sums.
pub(super) async fn check(tables: &mut dyn Tables, report: &mut Report) -> Result<()> {
    let mut sums = sums(tables, report).await?;
    // Before schema 15 every unit on hand was there.
    let counted = if tables.schema().await? < 15 {
        "on_hand"
    } else {
        "on_hand - shortfall"
    };
    tables
        .rows(
            &format!("SELECT tenant, sku, vendor, {counted}, reserved, on_hand FROM stock"),
            &mut |row| {
                report.counts.stock_rows += 1;
                let (on_hand, reserved) = sums.remove(&key(row)).unwrap_or_default();
                let subject = format!("stock {}@{} of {}", row[1], row[2], row[0]);
                let mend = mend(&row[1], &row[2]);
                if row[3] != on_hand.to_string() || row[4] != reserved.to_string() {
                    report.stock_rows.insert(key(row));
                }
                if row[3] != on_hand.to_string() {
                    report.find(
                        "I5",
                        subject.clone(),
                        format!(
                            "on hand is {}, movements less consumed units are {on_hand}; {mend}",
                            row[3]
                        ),
                    );
                }
                if row[4] != reserved.to_string() {
                    report.find(
                        "I5",
                        subject.clone(),
                        format!(
                            "reserved is {}, open reservations are {reserved}; {mend}",
                            row[4]
                        ),
                    );
                }
                let stored_on_hand = number(report, row, "on_hand", 5);
                let stored_reserved = number(report, row, "reserved", 4);
                if row[2] == "local" && !(0..=stored_on_hand).contains(&stored_reserved) {
                    report.find(
                    "I4",
                    subject,
                    format!(
                        "reserved {stored_reserved} is not between 0 and on hand {stored_on_hand}"
                    ),
                );
                }
            },
        )
        .await?;
    for (row, _) in sums {
        let [tenant, sku, vendor] = row.clone();
        report.stock_rows.insert(row);
        report.find(
            "I5",
            format!("stock {sku}@{vendor} of {tenant}"),
            format!(
                "has movements or reservations but no row; {}",
                mend(&sku, &vendor)
            ),
        );
    }
    Ok(())
}
