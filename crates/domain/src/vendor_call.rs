//! A call that a vendor is asked to carry out, as the piece of work that a worker makes it from.
//!
//! One piece belongs to one reservation, and only that piece ends it while its vendor has not answered. So an answer that
//! arrives late cannot meet a reservation that has expired or was released meanwhile.

use crate::change::NewWork;
use crate::context::RequestIds;
use crate::ids::OrderId;
use crate::order::{Order, Source};
use crate::reservation::ReservedUnits;
use crate::status::OrderStatus;
use crate::text::{Sku, Tenant, Vendor};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What the vendor is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VendorRequest {
    /// To take units out of its stock for an order.
    Reduce,
    /// To take units back.
    Restore,
}

impl VendorRequest {
    /// Its name, as in the work's body.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reduce => "reduce",
            Self::Restore => "restore",
        }
    }
}

/// One call to a vendor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VendorCall {
    pub request: VendorRequest,
    pub vendor: Vendor,
    pub line: u16,
    /// The reservation of the line at the vendor.
    pub attempt: u16,
    pub sku: Sku,
    pub units: i64,
    /// The idempotency key: the same for every try of this call, and for no other call.
    pub key: String,
    /// The request that led to the call.
    #[serde(flatten)]
    pub cause: RequestIds,
}

impl VendorCall {
    /// The call that asks for the units of a reservation.
    #[must_use]
    pub fn reduce(order: OrderId, units: &ReservedUnits, cause: RequestIds) -> Self {
        let attempt = units.attempt.unwrap_or(1);
        Self {
            request: VendorRequest::Reduce,
            vendor: units.vendor.clone(),
            line: units.line,
            attempt,
            sku: units.sku.clone(),
            units: units.units.get(),
            key: format!("{order}/{}/{}/{attempt}", units.line, units.vendor),
            cause,
        }
    }

    /// The call that gives units of a reservation back. `before` is how many of it were given back earlier.
    #[must_use]
    pub fn restore(order: OrderId, units: &ReservedUnits, before: i64, cause: RequestIds) -> Self {
        let reduce = Self::reduce(order, units, cause);
        Self {
            request: VendorRequest::Restore,
            key: format!("{}/back/{before}", reduce.key),
            ..reduce
        }
    }

    /// The piece of work that makes it, due at once.
    #[must_use]
    pub fn work(&self, tenant: &Tenant, order: OrderId, now: Time) -> NewWork {
        NewWork {
            id: id_of(&self.key),
            target: target(tenant, &self.vendor),
            order_id: Some(order),
            due_at: now,
            body: serde_json::to_string(self)
                .expect("a call has string keys and no fallible fields"),
            if_awaited: None,
        }
    }

    /// The reservation that it asks for, if the order still waits for it.
    #[must_use]
    pub fn awaited<'o>(&self, order: &'o Order) -> Option<&'o Source> {
        let line = order.lines.iter().find(|line| line.id == self.line)?;
        let mut sources = line.sources.iter();
        let source =
            sources.find(|source| source.vendor == self.vendor && source.attempt == self.attempt);
        // An order that is being cancelled wants nothing more.
        let is_wanted =
            |source: &&Source| line.waits_for(source) && order.status != OrderStatus::Cancelling;
        source.filter(is_wanted)
    }
}

/// Stands between the parts of a target; no name has it.
const SEPARATOR: char = '\n';

/// Where the work for a vendor waits.
#[must_use]
pub fn target(tenant: &Tenant, vendor: &Vendor) -> String {
    format!("vendor{SEPARATOR}{tenant}{SEPARATOR}{vendor}")
}

/// The vendor whose work waits at a target; `None` for another kind of work.
#[must_use]
pub fn vendor_of(target: &str) -> Option<(Tenant, Vendor)> {
    let mut parts = target.split(SEPARATOR);
    let is_ours = parts.next() == Some("vendor");
    let (tenant, vendor) = (parts.next()?, parts.next()?);
    (is_ours && parts.next().is_none()).then(|| (Tenant::stored(tenant), Vendor::stored(vendor)))
}

/// The id of a piece of work: a hash of its key (FNV-1a, 128 bits), so that the same call is the same piece.
pub(crate) fn id_of(key: &str) -> Uuid {
    Uuid::from_u128(crate::stock::fnv_128(key.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reservation::Units;

    #[test]
    fn a_target_names_one_vendor_whatever_the_names_are() {
        let names = [("a/b", "c"), ("a", "b/c"), ("default", "VendorA")];
        for (tenant, vendor) in names {
            let of = (Tenant::stored(tenant), Vendor::stored(vendor));
            assert_eq!(vendor_of(&target(&of.0, &of.1)), Some(of));
        }
        for other in ["", "vendor", "vendor\na", "mail\na\nb", "vendor\na\nb\nc"] {
            assert_eq!(vendor_of(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_call_has_one_key_and_its_return_another() {
        let units = ReservedUnits {
            line: 2,
            sku: Sku::stored("A"),
            vendor: Vendor::stored("North"),
            attempt: Some(3),
            units: Units::new(4).expect("above zero"),
        };
        let order = OrderId(Uuid::from_u128(7));
        let ask = VendorCall::reduce(order, &units, RequestIds::default());
        let back = |before| VendorCall::restore(order, &units, before, RequestIds::default());
        let keys = [&ask.key, &back(0).key, &back(1).key];
        assert!(
            keys.iter()
                .all(|key| keys.iter().filter(|k| *k == key).count() == 1)
        );
        let piece = ask.work(&Tenant::default(), order, Time(1));
        let read: VendorCall = serde_json::from_str(&piece.body).expect("readable");
        assert_eq!(read, ask);
    }
}
