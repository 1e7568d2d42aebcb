//! Rows have one owner: code of delivery's side names no rows of orders, and code of the order's side none of
//! deliveries. So each side can have a database of its own.

use std::path::{Path, PathBuf};

/// Files and folders below `crates`.
const DELIVERY: &[&str] = &[
    "domain/src/delivery",
    "domain/src/shipment",
    "domain/src/timer.rs",
    "store/src/traits/delivery.rs",
    "store/src/sqlite/changes/delivery.rs",
    "store/src/sqlite/shipments.rs",
    "store/src/sqlite/store/delivery.rs",
    "store/src/postgres/changes/delivery.rs",
    "store/src/postgres/changes/locked_delivery.rs",
    "store/src/postgres/changes/timers.rs",
    "store/src/postgres/shipments.rs",
    "store/src/postgres/store/delivery.rs",
    "server/src/roles/delivery/handler.rs",
    "server/src/roles/delivery/timers.rs",
];
const ORDERS: &[&str] = &[
    "domain/src/allocation.rs",
    "domain/src/command.rs",
    "domain/src/delivery_news.rs",
    "domain/src/fact.rs",
    "domain/src/intake/accepted.rs",
    "domain/src/intake/mod.rs",
    "domain/src/order.rs",
    "domain/src/progress/mod.rs",
    "domain/src/progress/sources.rs",
    "domain/src/reservation.rs",
    "store/src/traits/orders.rs",
    "store/src/sqlite/changes/orders.rs",
    "store/src/sqlite/changes/reservations.rs",
    "store/src/sqlite/orders.rs",
    "store/src/sqlite/store/orders.rs",
    "store/src/postgres/changes/locked_orders.rs",
    "store/src/postgres/changes/orders.rs",
    "store/src/postgres/changes/reservations.rs",
    "store/src/postgres/orders.rs",
    "store/src/postgres/store/orders.rs",
    "server/src/roles/allocation/answering.rs",
    "server/src/roles/housekeeping/watchdog.rs",
    "server/src/roles/status.rs",
];

/// Types of rows, and of what is written over them.
const ROWS_OF_ORDERS: &[&str] = &[
    "Hold",
    "HoldChange",
    "NewOrder",
    "Order",
    "OrderChange",
    "OrderEffect",
    "OrderRecord",
    "OrderStore",
    "Reservation",
    "ReservationMove",
];
const ROWS_OF_DELIVERIES: &[&str] = &[
    "Delivery",
    "DeliveryChange",
    "DeliveryEffect",
    "DeliveryOf",
    "DeliveryStore",
    "Shipment",
    "ShipmentChange",
    "Timer",
    "TimerChange",
];

#[test]
fn code_of_one_owner_names_no_rows_of_another() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = vec![];
    for (side, rows) in [(DELIVERY, ROWS_OF_ORDERS), (ORDERS, ROWS_OF_DELIVERIES)] {
        for file in side.iter().flat_map(|path| files(&crates.join(path))) {
            let text = std::fs::read_to_string(&file).expect("a file can be read");
            let named = named(&text, rows);
            found.extend(named.map(|name| format!("{}: {name}", file.display())));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_planted_name_is_found_and_a_kind_of_event_is_none() {
    let planted =
        "use waybill_domain::order::{Hold, Order};\n// NewOrder in a comment\nEventKind::Order;";
    let found: Vec<&str> = named(planted, ROWS_OF_ORDERS).collect();
    assert_eq!(found, ["Hold", "Order"]);
}

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = std::fs::read_dir(path).expect("a folder of the list is there");
    let entries = entries.map(|entry| entry.expect("an entry can be read").path());
    entries.flat_map(|path| files(&path)).collect()
}

/// The names that the code uses, apart from its comments and its tests. `AggregateKind::Shipment` names a kind and no row.
fn named<'a>(text: &'a str, names: &'a [&str]) -> impl Iterator<Item = &'a str> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    let words =
        lines.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':'));
    words.filter_map(move |word| {
        let (path, name) = word.rsplit_once("::").unwrap_or(("", word));
        let is_kind = path.ends_with("Kind");
        names.contains(&name).then_some(name).filter(|_| !is_kind)
    })
}
