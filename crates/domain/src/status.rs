//! The ten statuses of an order, and how a status follows from quantities and flags.

use crate::quantities::Quantities;

macro_rules! named_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name on the wire and in the store.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Reads the name on the wire.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use named_enum;

named_enum!(
    /// The status of an order. Never stored without the quantities it follows from.
    OrderStatus {
        Pending = "pending",
        Backordered = "backordered",
        Confirmed = "confirmed",
        Processing = "processing",
        PartiallyShipped = "partially_shipped",
        Shipped = "shipped",
        Delivered = "delivered",
        Cancelling = "cancelling",
        Cancelled = "cancelled",
        Failed = "failed",
    }
);

impl OrderStatus {
    /// Whether the status is final: no step follows by itself.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Delivered | Self::Cancelled | Self::Failed => true,
            Self::Pending
            | Self::Backordered
            | Self::Confirmed
            | Self::Processing
            | Self::PartiallyShipped
            | Self::Shipped
            | Self::Cancelling => false,
        }
    }
}

named_enum!(
    /// How to handle a line that cannot be reserved in full at once.
    AllocationPolicy {
        /// Refuse the order.
        Reject = "reject",
        /// Wait until every unit is reserved.
        Backorder = "backorder",
        /// Ship the reserved units, wait for the rest.
        ShipPartial = "ship_partial",
    }
);

/// The part of an order's state that does not follow from its quantities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Sources are still being asked, so unreserved units do not wait for stock yet.
    pub sourcing: bool,
    /// Delivery has begun; from then on an order never returns to an earlier status than `processing`.
    pub started: bool,
    /// Ended by Waybill, not by the customer.
    pub failed: bool,
    /// A cancellation was requested and delivery has not answered; the status before the request.
    pub cancelling_from: Option<OrderStatus>,
}

/// The status that follows from `quantities` (summed over lines) and `flags`.
#[must_use]
pub fn derive(q: &Quantities, flags: Flags, policy: AllocationPolicy) -> OrderStatus {
    let live = q.ordered - q.cancelled;
    if flags.cancelling_from.is_some() {
        OrderStatus::Cancelling
    } else if flags.failed {
        OrderStatus::Failed
    } else if live == 0 {
        OrderStatus::Cancelled
    } else if q.shipped == live {
        shipped_status(q)
    } else if q.shipped > 0 {
        OrderStatus::PartiallyShipped
    } else if flags.started || q.in_shipment > 0 {
        OrderStatus::Processing
    } else if flags.sourcing {
        OrderStatus::Pending
    } else if q.backordered == 0 {
        OrderStatus::Confirmed
    } else if policy == AllocationPolicy::ShipPartial && q.reserved > 0 {
        OrderStatus::Processing
    } else {
        OrderStatus::Backordered
    }
}

fn shipped_status(q: &Quantities) -> OrderStatus {
    if q.delivered + q.returned + q.lost < q.shipped {
        OrderStatus::Shipped
    } else if q.delivered > 0 {
        OrderStatus::Delivered
    } else {
        OrderStatus::Failed
    }
}
