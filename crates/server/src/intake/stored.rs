//! The texts that are stored of an order, and compared.

use std::sync::Arc;

/// Checked content as JSON text.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Arc<str> {
    serde_json::to_string(value)
        .expect("checked content has only string keys and finite numbers")
        .into()
}
