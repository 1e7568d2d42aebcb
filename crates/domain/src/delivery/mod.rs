//! An order's delivery, as the role `delivery` knows it. It never reads the order's own rows, so that it can live in a
//! database of its own.

mod news;
mod record;

pub use news::{Carrier, OrderNews, Subject, on_order_news, parse};
pub use record::{Delivery, DeliveryState, Released};
