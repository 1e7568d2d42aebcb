//! An order's delivery, as the role `delivery` knows it. It never reads the order's own rows, so that it can live in a
//! database of its own.

/// The actor in the events of the role's decisions.
pub const ACTOR: &str = "system:delivery";

mod of_order;
mod order_news;
mod record;

pub use of_order::{OrderDelivery, UnusableEvent};
pub use order_news::{Carrier, OrderNews, ReleasedLine, Subject, on_order_news, parse};
pub use record::{Delivery, DeliveryState, Released};
