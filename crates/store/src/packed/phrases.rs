//! The phrases that texts of the log consist of for the most part, each stored as one byte.
//!
//! The bytes are stored: a phrase that was released stays at its place. New ones take free places at the end of the
//! list, in rows of a new form ([`super::codec`]), which earlier binaries refuse.

/// The first code of the second range; those before it are in the first.
const HIGH: u8 = 0x80;
/// The first code of a phrase; the ones before it have other meanings (see [`super::text`]).
pub const FIRST: u8 = 0x05;
/// Codes of the first range: those below 0x20, which no JSON text contains.
const LOW: usize = 0x20 - FIRST as usize;

/// The most phrases there can be: the rest of the codes below 0x20, and those from 0x80, which are not ASCII.
const ROOM: usize = LOW + 0x80;
const _: () = assert!(PHRASES.len() <= ROOM);

/// The phrase of a code; `None` when the code is of a newer version.
pub fn of_code(code: u8) -> Option<&'static str> {
    let at = if code >= HIGH {
        LOW + usize::from(code - HIGH)
    } else {
        usize::from(code.checked_sub(FIRST)?)
    };
    PHRASES.get(at).copied()
}

/// The code of the phrase at a place of the list.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the list has at most ROOM phrases, which a test checks"
)]
pub const fn code(at: usize) -> u8 {
    if at < LOW {
        FIRST + at as u8
    } else {
        HIGH + (at - LOW) as u8
    }
}

/// Longer ones win over shorter ones with the same beginning.
pub const PHRASES: &[&str] = &[
    // The steps of most orders, whole.
    r#"{"status":"pending","number":"WB-"#,
    r#"{"status":"confirmed","previousStatus":"pending","lines":[{"id":"1","sku":""#,
    r#"{"status":"processing","previousStatus":"confirmed","lines":[{"id":"1","ordered":1,"inShipment":1}]}"#,
    r#"{"status":"processing","previousStatus":"confirmed","lines":[{"id":"1","ordered":"#,
    r#"{"status":"processing","previousStatus":"confirmed"}"#,
    r#"{"status":"shipped","previousStatus":"processing","lines":[{"id":"1","ordered":1,"shipped":1}]}"#,
    r#"{"status":"shipped","previousStatus":"processing","lines":[{"id":"1","ordered":"#,
    r#"{"status":"shipped","previousStatus":"processing"}"#,
    r#"{"status":"delivered","previousStatus":"shipped","lines":[{"id":"1","ordered":1,"shipped":1,"delivered":1}]}"#,
    r#"{"status":"delivered","previousStatus":"shipped","lines":[{"id":"1","ordered":"#,
    r#"{"status":"delivered","previousStatus":"shipped"}"#,
    r#"{"shipmentId":""#,
    r#"","orderId":""#,
    r#"","vendor":"local","attempt":1,"status":"processing","lines":[{"line":"1","quantity":"#,
    r#"","vendor":"local","attempt":1,"status":"shipped","previousStatus":"processing","trackingNumber":""#,
    r#"","vendor":"local","attempt":1,"status":"delivered","previousStatus":"shipped","trackingNumber":""#,
    r#"","carrier":"SimulatedCarrier","lines":[{"line":"1","quantity":"#,
    r#"","carrier":""#,
    r#"","vendor":"local","ordered":1,"reserved":1}]}"#,
    r#"","vendor":"local","ordered":"#,
    r#"","vendor":""#,
    r#","currency":"USD","total":"#,
    r#"","currency":"USD","total":"#,
    r#"","currency":"EUR","total":"#,
    r#"","currency":""#,
    r#","total":"#,
    r#","customerId":""#,
    r#"","taxIncluded":true,"lines":[{"sku":""#,
    r#"","taxIncluded":false,"lines":[{"sku":""#,
    r#","taxIncluded":true,"lines":[{"sku":""#,
    r#","taxIncluded":false,"lines":[{"sku":""#,
    r#"","quantity":1,"unitPrice":"#,
    r#"","quantity":"#,
    r#","unitPrice":"#,
    "1}]}",
    "0}]}",
    r#"},{"sku":""#,
    r#"},{"id":""#,
    r#"},{"line":""#,
    r#"{"status":""#,
    r#"","previousStatus":""#,
    r#","previousStatus":""#,
    r#"","lines":[{"id":""#,
    r#","lines":[{"id":""#,
    r#""lines":["#,
    r#"","ordered":"#,
    r#","ordered":"#,
    r#","reserved":"#,
    r#","inShipment":"#,
    r#","shipped":"#,
    r#","delivered":"#,
    r#","backordered":"#,
    r#","cancelled":"#,
    r#","returned":"#,
    r#","lost":"#,
    r#","released":"#,
    r#","requiresShipping":false"#,
    r#","sources":[{"vendor":""#,
    r#"},{"vendor":""#,
    r#"","sku":""#,
    r#"","reason":""#,
    r#"","holdId":""#,
    r#","openHolds":[""#,
    r#"","reported":""#,
    r#"","trackingNumber":""#,
    r#"","attempt":"#,
    r#","attempt":"#,
    r#","status":""#,
    r#"","status":""#,
    r#"","number":""#,
    r#","metadata":{"#,
    r#","orderNumber":""#,
    r#"","orderNumber":""#,
    r#","clientReference":""#,
    r#"","clientReference":""#,
    r#"","channel":""#,
    r#","channel":""#,
    r#"","deliveryMethod":{"#,
    r#","deliveryMethod":{"#,
    r#"","paymentStatus":""#,
    r#","paymentStatus":""#,
    r#","paymentReference":""#,
    r#"","paymentReference":""#,
    r#","allocationPolicy":""#,
    r#"","allocationPolicy":""#,
    r#","shippingLines":["#,
    r#","fees":["#,
    r#","taxes":["#,
    r#"","name":""#,
    r#","name":""#,
    r#"","amount":"#,
    r#","amount":"#,
    r#","onHand":"#,
    r#","delta":"#,
    r#","shortfall":"#,
    r#"{"sku":""#,
    r#"{"orderId":""#,
    r#"","allocation":[{"id":""#,
    r#","allocation":[{"id":""#,
    // Statuses.
    "pending",
    "confirmed",
    "processing",
    "partially_shipped",
    "shipped",
    "delivered",
    "backordered",
    "cancelling",
    "cancelled",
    "failed",
    "delivery_failed",
    "returned",
    "requested",
    // Who acts.
    "client:cli",
    "client:",
    "system:delivery",
    "system:carrier",
    "system:status",
    "system:allocation",
    "system:stock-sync",
    "system:",
];
