//! No statement of a running store reads a whole table, or passes the rows of other tenants on the way to a page of one:
//! checks the plan of each one.

use super::driver::Embedded;
use std::sync::Arc;
use waybill_store::conformance::{Harness, cases};
use waybill_store::sqlite::observe;

/// Scans that are allowed, and why each is bounded.
const MEANT: &[(&str, &str)] = &[
    ("PRAGMA", "not a query"),
    (
        "SELECT COUNT(*) FROM (SELECT 1",
        "figures count a bounded number of rows",
    ),
    ("SELECT COUNT(*) FROM parked", "once, at the start"),
    (
        "SELECT due_at, shipment_id, order_id FROM timers ORDER BY due_at",
        "its order is the key's, and it has a limit",
    ),
    (
        "WITH RECURSIVE t (target)",
        "goes from one target to the next along the index",
    ),
    (
        "SELECT c.order_id FROM (SELECT order_id FROM order_lines",
        "the orders that wait, or ask vendors, when a count has found too few",
    ),
    (
        "SELECT consumer, part, position FROM cursors",
        "a row per consumer",
    ),
    (
        "SELECT COALESCE(MAX(n), 0) FROM orders",
        "the end of the key",
    ),
    (
        "SELECT COALESCE(MAX(position), 0) FROM events",
        "the end of the key",
    ),
    (
        "SELECT COALESCE((SELECT position FROM events",
        "probes of the key",
    ),
    (
        "SELECT s.consumer, s.store_id, g.generation",
        "a row per generation of a store that sends events",
    ),
    (
        "UPDATE inbox_generations SET number",
        "a row per store that sends events",
    ),
    (
        "SELECT tenant, name, base_url, priority, cost, lead_time_hours, rate_limit_per_s, idempotent, enabled, created_at, \
         updated_at, removed_at, version FROM vendors WHERE enabled",
        "the vendors of all tenants, a few each, with a limit",
    ),
    (
        "SELECT tenant, vendor, asked_at, tried_at, synced_at, error, skus, changed, drift, refused FROM vendor_syncs ORDER BY",
        "its order is the key's, and it has a limit",
    ),
    (
        "/* archive::candidates */ SELECT",
        "a bounded stretch of the orders' key; no message waits in a store that orders leave",
    ),
    (
        "/* archive::may_leave */ SELECT",
        "one order; no message waits in a store that orders leave",
    ),
    (
        "SELECT consumer, order_id, position, part, tenant, type, at FROM discards",
        "a row per event that an operator has given up",
    ),
    (
        "DELETE FROM discards",
        "a row per event that an operator has given up",
    ),
    (
        "/* stock::books */ SELECT",
        "an operator's command that mends one row; no index leads to a sku",
    ),
];

fn plan(connection: &rusqlite::Connection, sql: &str) -> Vec<String> {
    let explained = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"));
    let Ok(mut statement) = explained else {
        return vec![];
    };
    let unbound = vec![rusqlite::types::Null; statement.parameter_count()];
    let rows = statement.query_map(rusqlite::params_from_iter(unbound), |row| row.get(3));
    rows.expect("a plan")
        .map(|line| line.expect("a line of it"))
        .collect()
}

/// Whether a statement reads a page of what one tenant has. A walk of a bounded stretch of the log says `+tenant`, which
/// keeps it off the index.
fn is_page_of_tenant(sql: &str) -> bool {
    let has = |part: &&str| sql.contains(*part);
    [" tenant = ?", ".tenant = ?"].iter().any(has) && [" ORDER BY ", " LIMIT "].iter().all(has)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_reads_a_whole_table() {
    for case in cases() {
        (case.run)(Harness::open(Embedded::new(), super::seed()).await).await;
    }
    let driver: Arc<Embedded> = Embedded::new();
    let h = Harness::open(driver.clone(), super::seed()).await;
    let connection = driver.connection();
    let run = observe::statements();
    assert!(run.len() > 60, "only {} statements were seen", run.len());
    let (mut scans, mut pages) = (vec![], 0);
    for sql in &run {
        let meant = MEANT.iter().any(|(start, _)| sql.starts_with(start));
        let plan = plan(&connection, sql);
        // A list that is passed as JSON is read whole; a SELECT without FROM has a scan of a constant row.
        let small = |line: &str| line.contains("json_each") || line.contains("CONSTANT ROW");
        let bad = |line: &&String| line.starts_with("SCAN") && !small(line);
        if let Some(line) = plan.iter().find(bad).filter(|_| !meant) {
            scans.push(format!("{line}: {sql}"));
        }
        if is_page_of_tenant(sql) {
            pages += 1;
            // A page of one order's rows goes by the order.
            let rows = plan.first().map_or("", String::as_str);
            if !rows.contains("order_id=?") && !plan.iter().any(|line| line.contains("tenant=?")) {
                scans.push(format!("rows of other tenants, {plan:?}: {sql}"));
            }
        }
    }
    assert!(
        scans.is_empty(),
        "{} of {}:\n{}",
        scans.len(),
        run.len(),
        scans.join("\n")
    );
    assert!(pages >= 4, "only {pages} lists of a tenant were seen");
    h.store.close().await;
}
