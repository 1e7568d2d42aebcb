//! One page of a list.

use serde::Serialize;
use utoipa::ToSchema;

/// Items, and the cursor that goes on after them; null when there is nothing more. A page may be shorter than asked
/// and still go on: one call looks at a bounded number of rows.
#[derive(Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}
