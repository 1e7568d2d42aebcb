//! An order's delivery, as the role `delivery` knows it. It never reads the order's own rows, so that it can live in a
//! database of its own.

/// The actor in the events of the role's decisions.
pub const ACTOR: &str = "system:delivery";

mod news;
mod of_order;
mod record;

pub use news::{Carrier, OrderNews, Subject, on_order_news, parse};
pub use of_order::{OrderDelivery, UnusableEvent};
pub use record::{Delivery, DeliveryState, Released};
