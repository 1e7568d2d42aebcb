//! I4, I5: stock adds up, counted here from the orders and there by `waybill verify`.

use std::collections::BTreeMap;

use super::{Evidence, Verdict};

pub(super) fn check(evidence: &Evidence, verdict: &mut Verdict) {
    let mut shipped: BTreeMap<&str, u64> = BTreeMap::new();
    let mut held: BTreeMap<&str, u64> = BTreeMap::new();
    for line in evidence
        .orders
        .values()
        .filter_map(|o| o["lines"].as_array())
        .flatten()
    {
        let Some(sku) = line["sku"].as_str() else {
            continue;
        };
        let n = |name: &str| line[name].as_u64().unwrap_or(0);
        *shipped.entry(sku).or_default() += n("shipped");
        *held.entry(sku).or_default() += n("reserved") + n("inShipment");
    }
    for (sku, row) in &evidence.stock {
        let seeded = evidence.seeded.get(sku).copied().unwrap_or(0);
        let shipped = shipped.get(sku.as_str()).copied().unwrap_or(0);
        let held = held.get(sku.as_str()).copied().unwrap_or(0);
        let (Some(on_hand), Some(reserved)) = (row["onHand"].as_u64(), row["reserved"].as_u64())
        else {
            verdict.add("I4", format!("{sku}: {row}"));
            continue;
        };
        if reserved > on_hand {
            verdict.add(
                "I4",
                format!("{sku}: {reserved} reserved of {on_hand} on hand"),
            );
        }
        if on_hand + shipped != seeded {
            verdict.add(
                "I5",
                format!("{sku}: {seeded} at the beginning, {shipped} shipped, {on_hand} on hand"),
            );
        }
        if reserved != held {
            verdict.add(
                "I5",
                format!("{sku}: {reserved} reserved, {held} held by orders"),
            );
        }
    }
    match &evidence.report {
        Some(report) if !report.ok => {
            for finding in &report.findings {
                verdict.add("verify", finding.to_string());
            }
            if report.findings.is_empty() {
                verdict.add("verify", "not ok, and does not say why");
            }
        }
        Some(_) => {}
        None => verdict.inconclusive.push("verify said nothing".into()),
    }
}
