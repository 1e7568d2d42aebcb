//! One page of a list.

use serde::Serialize;
use utoipa::ToSchema;

use super::order_view::OrderView;
use super::unreadable::UnreadableOrder;

/// Items, and the cursor that goes on after them; null when there is nothing more. A page may be shorter than asked
/// and still go on: one call looks at a bounded number of rows.
#[derive(Serialize, ToSchema)]
pub struct Page<T> {
    /// What was asked for.
    pub items: Vec<T>,
    /// Goes on after the last item, as `after`; null when there is nothing more.
    pub next: Option<String>,
}

/// A page of orders.
#[derive(Serialize, ToSchema)]
pub struct OrderPage<'a> {
    /// Orders, newest first.
    pub items: Vec<OrderView<'a>>,
    /// Goes on after the last order, as `after`; null when there is nothing more.
    pub next: Option<String>,
    /// There alone where orders of this page cannot be shown: one that was damaged does not hide the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadableOrder>,
}
