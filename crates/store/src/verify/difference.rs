//! How a stored shipment differs from what its events say, in words.

use waybill_domain::shipment::ShipmentCopy;
use waybill_domain::time::Time;

/// The fields in which a stored shipment (its row or an order's copy) differs from its events, with the events' values;
/// `None` when they agree.
pub(super) fn difference(stored: &ShipmentCopy, told: &ShipmentCopy) -> Option<String> {
    let (stored, told) = (fields(stored), fields(told));
    let pairs = stored.iter().zip(&told);
    let differs = pairs.filter(|((_, stored), (_, told))| stored != told);
    let words: Vec<String> = differs
        .map(|((name, stored), (_, told))| format!("{name} {told} instead of {stored}"))
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// All fields except `shown_in`, in words.
fn fields(of: &ShipmentCopy) -> [(&'static str, String); 12] {
    // A missing text and an empty one are the same in a row.
    let text = |text: &Option<String>| match text.as_deref() {
        None | Some("") => "nothing".to_owned(),
        Some(text) => text.to_owned(),
    };
    let time = |time: Option<Time>| time.map_or_else(|| "never".to_owned(), |t| t.to_string());
    let lines = of.lines.iter();
    let lines = lines.map(|l| format!("{} of line {}", l.quantity, l.line));
    [
        ("id", of.id.to_string()),
        ("version", of.version.to_string()),
        ("status", of.status.to_string()),
        ("lines", lines.collect::<Vec<_>>().join(" and ")),
        ("vendor", of.vendor.to_string()),
        ("attempt", of.attempt.to_string()),
        ("tracking number", text(&of.tracking_number)),
        ("carrier", text(&of.carrier)),
        ("created at", time(Some(of.created_at))),
        ("updated at", time(Some(of.updated_at))),
        ("shipped at", time(of.shipped_at)),
        ("delivered at", time(of.delivered_at)),
    ]
}
