//! What is moved besides the rows of tables: store id, generation, counters.

/// A store's identity, and the highest numbers and positions it has given out.
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
    /// What the relay keeps in `meta`, and the former generations, by their keys.
    pub relay: Vec<(&'static str, String)>,
    /// Rows in all tables that are moved.
    pub rows: u64,
}
