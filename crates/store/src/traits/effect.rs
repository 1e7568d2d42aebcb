//! The owners of rows, as types.

/// Rows of one owner that a decision wants written (`waybill_domain::change::Change::effect`).
pub trait Effect: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// The rows of one order that this owner decides on.
    type Known: Clone + std::fmt::Debug + Send + Sync + 'static;
}
