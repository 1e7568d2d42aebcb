//! What is moved besides the rows of tables: store id, generation, counters.

/// What a store is beyond its rows: who it is, and what it has given out and never gives again.
#[derive(Clone, Debug)]
pub struct StoreState {
    pub store_id: String,
    pub generation: String,
    /// The highest number an order may have been given.
    pub number: i64,
    /// The highest position of the log.
    pub position: i64,
    /// Orders by status, in the order of `OrderStatus::ALL`.
    pub by_status: Vec<i64>,
    /// Rows in all tables that are moved.
    pub rows: u64,
}
