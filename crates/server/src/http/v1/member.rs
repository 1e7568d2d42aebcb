//! The members that a problem may have beside the standard ones (RFC 9457 section 3.2), by name.
//!
//! Invariant: none repeats a standard member, so that no answer holds a name twice. A name that would is refused by the
//! compiler, because every member is a constant of this file.

/// The standard members, which every problem may have.
const STANDARD: [&str; 8] = [
    "type",
    "title",
    "status",
    "detail",
    "instance",
    "code",
    "field",
    "correlationId",
];

/// A further member of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member(&'static str);

impl Member {
    /// A member of this name; one that is standard does not compile.
    const fn named(name: &'static str) -> Self {
        let mut index = 0;
        while index < STANDARD.len() {
            assert!(
                !is_same(name, STANDARD[index]),
                "this member of a problem is a standard one"
            );
            index += 1;
        }
        Self(name)
    }

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0
    }
}

const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// Where an order or shipment may go instead.
pub const ALLOWED: Member = Member::named("allowed");
/// The status it has.
pub const FROM: Member = Member::named("from");
/// The bound that was passed.
pub const LIMIT: Member = Member::named("limit");
/// The order that has the key, reference or number.
pub const ORDER_ID: Member = Member::named("orderId");
/// The status of the order that refuses.
pub const ORDER_STATUS: Member = Member::named("orderStatus");
/// The scope that the token lacks.
pub const SCOPE: Member = Member::named("scope");
/// Per sku, what was asked and what there is.
pub const SHORTAGES: Member = Member::named("shortages");
/// The skus that are not known.
pub const SKUS: Member = Member::named("skus");
/// The version that it has.
pub const VERSION: Member = Member::named("version");
