//! Claims of orders: keys, references and numbers, each of which may belong to one order only, and the answer to an
//! order whose claim another order has.
//!
//! A claim is written in the transaction that makes its order, so a request that finds one is never answered about an
//! order that is still being made: it waits for that transaction. Keys of commands have claims of their own
//! ([`crate::once`]).

use crate::ids::OrderId;
use crate::once::{self, Reuse};
use crate::status::{OrderStatus, named_enum};
use crate::time::Time;

named_enum!(
    /// The kinds of claims.
    ClaimKind {
        /// An idempotency key, scoped by client.
        Key = "key",
        /// The caller's own reference.
        Reference = "reference",
        /// The caller's own order number.
        Number = "number",
        /// The fingerprint of an order within the duplicate window. An order that was cancelled or failed
        /// ([`frees_duplicate`]) does not keep it.
        Duplicate = "duplicate",
    }
);

/// A value that only one order may have; the new order claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub kind: ClaimKind,
    /// The first 16 bytes of a SHA-256 over scope and value.
    pub hash: [u8; 16],
    /// When the claim expires; `None` for never.
    pub expires_at: Option<Time>,
}

/// Whether an order in this status gives up its [`ClaimKind::Duplicate`], so that the same order may be placed again.
#[must_use]
pub fn frees_duplicate(status: OrderStatus) -> bool {
    match status {
        OrderStatus::Cancelled | OrderStatus::Failed => true,
        OrderStatus::Pending
        | OrderStatus::Backordered
        | OrderStatus::Confirmed
        | OrderStatus::Processing
        | OrderStatus::PartiallyShipped
        | OrderStatus::Shipped
        | OrderStatus::Delivered
        | OrderStatus::Cancelling => false,
    }
}

/// The order that has a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    pub order_id: OrderId,
    /// The hash of the body with which the order was made, as `NewOrder::body_hash`.
    pub body_hash: [u8; 16],
}

impl Holder {
    /// Compares a later order with the one that has its claim of this kind. The fingerprint of a duplicate says by
    /// itself that both are the same order; any other claim does so only with the same body.
    #[must_use]
    pub fn answer(&self, kind: ClaimKind, body_hash: &[u8; 16]) -> Reuse<OrderId> {
        match kind {
            ClaimKind::Duplicate => Reuse::Replay(self.order_id),
            ClaimKind::Key | ClaimKind::Reference | ClaimKind::Number => {
                once::reuse(&self.body_hash, body_hash, self.order_id)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn another_body_is_a_replay_only_where_the_claim_is_the_body_itself() {
        let order_id = OrderId(Uuid::from_u128(7));
        let body_hash = [2; 16];
        let holder = Holder {
            order_id,
            body_hash,
        };
        let mut last_byte_differs = body_hash;
        last_byte_differs[15] = 3;
        for kind in ClaimKind::ALL {
            assert_eq!(holder.answer(*kind, &body_hash), Reuse::Replay(order_id));
            let other = match kind {
                ClaimKind::Duplicate => Reuse::Replay(order_id),
                ClaimKind::Key | ClaimKind::Reference | ClaimKind::Number => Reuse::OtherRequest,
            };
            for body in [[0; 16], last_byte_differs] {
                assert_eq!(holder.answer(*kind, &body), other, "{kind}");
            }
        }
    }
}
