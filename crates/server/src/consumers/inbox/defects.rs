//! Defects planted by tests, to show that the checkers find them. Compiled only with the feature `planted-defects`.

use waybill_domain::change::Change;
use waybill_domain::event::EventKind;
use waybill_domain::inbox::Arrival;

fn planted(name: &str) -> bool {
    std::env::var("WAYBILL_TEST_DEFECT").is_ok_and(|planted| planted == name)
}

/// The planted defect of a consumer without an inbox: what came before is taken again.
pub fn without_inbox(arrival: Arrival) -> Arrival {
    match arrival {
        Arrival::Duplicate if planted("no_inbox") => Arrival::Next,
        arrival => arrival,
    }
}

/// The planted defect of a watermark in a transaction of its own, after that of the effect.
pub fn watermark_apart<E>(changes: &[Change<E>]) -> bool {
    let mut events = changes.iter().flat_map(|change| &change.events);
    planted("watermark_apart") && events.any(|e| e.kind == EventKind::DeliveryCancelRefused)
}

/// The planted defect of taking over the partition in which the sender has written an event.
pub fn senders_partition() -> bool {
    planted("senders_partition")
}
