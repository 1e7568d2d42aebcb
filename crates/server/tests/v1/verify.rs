//! `waybill verify` as an operator reads it.

use super::poisoned::{tamper_while_closed, verify};
use crate::shop::{NEVER, Shop, small};
use std::collections::BTreeSet;

const INVARIANTS: &str = include_str!("../../../../docs/invariants.md");

#[tokio::test]
async fn each_finding_of_verify_leads_to_the_row_that_says_what_to_do() {
    let mut shop = Shop::open(NEVER).await;
    shop.placed("k", &small("a", 1)).await;
    let damage = [
        "DELETE FROM order_content",
        "UPDATE orders SET version = version + 7",
    ];
    tamper_while_closed(&mut shop.0, &damage.map(str::to_owned)).await;

    let told = verify(&shop, 6).await;
    let numbers: BTreeSet<&str> = told
        .lines()
        .filter(|line| line.starts_with('I'))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(numbers.contains("I6") && numbers.contains("I7"), "{told}");
    for number in numbers {
        let anchor = number.to_lowercase();
        assert!(
            told.contains(&format!("docs/invariants.md#{anchor}")),
            "{told}"
        );
        assert!(
            INVARIANTS.contains(&format!("<a id=\"{anchor}\">")),
            "no row for {number}"
        );
    }
}
