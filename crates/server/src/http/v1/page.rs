//! One page of a list.

use serde::Serialize;
use utoipa::ToSchema;

use super::order_view::OrderView;
use super::unreadable::UnreadableOrder;

/// Items, and the cursor that goes on after them; null when there is nothing more. A page may be shorter than asked
/// and still go on: one call looks at a bounded number of rows.
#[derive(Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

/// A page of orders.
#[derive(Serialize, ToSchema)]
pub struct OrderPage<'a> {
    pub items: Vec<OrderView<'a>>,
    pub next: Option<String>,
    /// There alone where orders of this page cannot be shown: one that was damaged does not hide the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadableOrder>,
}
