//! Counts of orders per status, kept as differences that are summed up.

use super::super::pipeline::{Pipeline, Sql, params};
use tokio_postgres::types::Type;
use waybill_domain::status::OrderStatus;

/// By status, how many orders entered it less how many left it.
#[derive(Default)]
pub struct Counts([i64; OrderStatus::ALL.len()]);

static COUNTS: Sql = Sql {
    text: "/* changes::counts */ INSERT INTO order_counts (deltas) VALUES ($1)",
    types: &[Type::INT8_ARRAY],
};

impl Counts {
    pub fn born(&mut self, status: OrderStatus) {
        self.0[status as usize] += 1;
    }

    pub fn left(&mut self, status: OrderStatus) {
        self.0[status as usize] -= 1;
    }

    pub fn moved(&mut self, from: OrderStatus, to: OrderStatus) {
        self.0[from as usize] -= 1;
        self.0[to as usize] += 1;
    }

    pub fn write(self, pipeline: &mut Pipeline<'_>) {
        if self.0.iter().any(|delta| *delta != 0) {
            pipeline.add(&COUNTS, params![self.0.to_vec()]);
        }
    }
}
