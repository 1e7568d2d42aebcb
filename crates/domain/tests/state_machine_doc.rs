//! `docs/state-machine.md` is generated from the tables in the code.

mod docs;

use std::collections::BTreeSet;
use std::fmt::Write;
use waybill_domain::event::EventKind;
use waybill_domain::reservation::{self, ReservationState};
use waybill_domain::shipment::{self, ShipmentStatus};
use waybill_domain::status::OrderStatus;
use waybill_domain::transitions::{Cause, TABLE};

const HEAD: &str = "\
# State machines

Generated from the tables in `crates/domain`; a test fails when this page is stale. Do not edit it: change
`transitions.rs`, `shipment.rs` or `reservation.rs`, then run
`WAYBILL_UPDATE_DOCS=1 cargo test -p waybill-domain --test state_machine_doc`.

## Orders

A status follows from the quantities of the lines and four flags; it is never set directly. Each step writes one event.
A **command** that has no row here is refused with the list of allowed ones (`409 invalid_transition`). A **fact** is
what a consumer read in an event: one that arrives late changes nothing; one that arrives before earlier ones takes
every step between.

";

const WITHIN: &str = "
### Within a status

These events do not change the status.

| event | meaning |
|---|---|
";

const SHIPMENTS: &str = "
## Shipments

An order may have several; each is identified by order, vendor and attempt. `shipment.updated` records tracking number,
carrier, and reports that came too late to be a step. A carrier's report may skip steps, which are then taken at once;
a person may skip only to `delivered`.

";

const RESERVATIONS: &str = "
## Reservations

Units of the `inventory` service have no reservation here: the service promised them and keeps its own record.

";

/// The meaning of events that change no status. A kind without one fails the test.
fn within(kind: EventKind) -> Option<&'static str> {
    match kind {
        EventKind::OrderLineCancelled => Some(
            "units were cancelled: because delivery refused to cancel the whole order, a shipment failed, or no source was left",
        ),
        EventKind::OrderLinesChanged => Some("quantities changed, the status did not"),
        EventKind::OrderLinesReleased => {
            Some("`released` units of these lines may ship, in addition to those released before")
        }
        EventKind::OrderHoldPlaced => {
            Some("a hold keeps delivery from starting; existing shipments continue")
        }
        EventKind::OrderHoldReleased => {
            Some("this hold was released; delivery starts when no other hold is left")
        }
        EventKind::OrderNoteAdded => {
            Some("a note was added; its text is personal data and is stored elsewhere")
        }
        _ => None,
    }
}

/// A mermaid diagram; statuses without a next step lead to the final state.
fn diagram(steps: &[(Option<&str>, &str, &str)]) -> String {
    let mut text = String::from("```mermaid\nstateDiagram-v2\n");
    for (from, to, label) in steps {
        let from = from.unwrap_or("[*]");
        let label = if label.is_empty() {
            String::new()
        } else {
            format!(" : {label}")
        };
        writeln!(text, "    {from} --> {to}{label}").expect("text grows");
    }
    let begins: BTreeSet<&str> = steps.iter().filter_map(|(from, _, _)| *from).collect();
    let ends: BTreeSet<&str> = steps
        .iter()
        .map(|(_, to, _)| *to)
        .filter(|to| !begins.contains(to))
        .collect();
    for end in ends {
        writeln!(text, "    {end} --> [*]").expect("text grows");
    }
    text + "```\n"
}

fn orders() -> String {
    let steps: Vec<_> = TABLE
        .iter()
        .map(|row| {
            (
                row.from.map(OrderStatus::as_str),
                row.to.as_str(),
                row.event.as_str(),
            )
        })
        .map(|(from, to, event)| (from, to, event.trim_start_matches("order.")))
        .collect();
    let mut text = diagram(&steps);
    text.push_str("\n| from | to | event | cause | when |\n|---|---|---|---|---|\n");
    for row in TABLE {
        let from = row.from.map_or("∅", OrderStatus::as_str);
        let cause = match row.cause {
            Cause::Command => "command",
            Cause::Fact => "fact",
        };
        writeln!(
            text,
            "| {from} | {} | `{}` | {cause} | {} |",
            row.to, row.event, row.when
        )
        .expect("text grows");
    }
    let ends: Vec<_> = OrderStatus::ALL
        .iter()
        .filter(|s| s.is_terminal())
        .map(|s| format!("`{s}`"))
        .collect();
    writeln!(
        text,
        "\nFinal statuses, in which nothing happens by itself: {}.",
        ends.join(", ")
    )
    .expect("text grows");
    text.push_str(WITHIN);
    for kind in EventKind::ALL.iter().filter(|kind| kind.is_order()) {
        if TABLE.iter().any(|row| row.event == *kind) {
            continue;
        }
        let words = within(*kind).unwrap_or_else(|| panic!("say what {kind} means, above"));
        writeln!(text, "| `{kind}` | {words} |").expect("text grows");
    }
    text
}

fn shipments() -> String {
    let created = [(None, ShipmentStatus::Processing)];
    let steps = created
        .into_iter()
        .chain(shipment::STEPS.iter().map(|(from, to)| (Some(*from), *to)));
    let steps: Vec<_> = steps.collect();
    let named: Vec<_> = steps
        .iter()
        .map(|(from, to)| (from.map(ShipmentStatus::as_str), to.as_str(), ""))
        .collect();
    let mut text = diagram(&named);
    text.push_str("\n| from | to | event |\n|---|---|---|\n");
    for (from, to) in steps {
        let from = from.map_or("∅", ShipmentStatus::as_str);
        writeln!(text, "| {from} | {to} | `{}` |", to.event()).expect("text grows");
    }
    text
}

fn reservations() -> String {
    let steps: Vec<_> = reservation::STEPS
        .iter()
        .map(|(from, to, _)| (Some(from.as_str()), to.as_str(), ""))
        .collect();
    let mut text = diagram(&steps);
    text.push_str("\n| from | to | when |\n|---|---|---|\n");
    for (from, to, when) in reservation::STEPS {
        writeln!(text, "| {from} | {to} | {when} |").expect("text grows");
    }
    let named = |s: &ReservationState| text.contains(s.as_str());
    assert!(
        ReservationState::ALL.iter().all(named),
        "a state without a step"
    );
    text
}

#[test]
fn the_page_says_what_the_tables_say() {
    let page = [
        HEAD,
        &orders(),
        SHIPMENTS,
        &shipments(),
        RESERVATIONS,
        &reservations(),
    ]
    .concat();
    docs::assert_current("state-machine.md", &page, "state_machine_doc");
}
