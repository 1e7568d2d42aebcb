//! Defects planted by tests, to show that the checkers catch them. Not in any build but those with the feature
//! `planted-defects`.

use super::pipeline::Sql;
use tokio_postgres::types::Type;

/// Whether a test planted the defect of this name (test-only builds).
pub fn defect(name: &str) -> bool {
    std::env::var("WAYBILL_TEST_DEFECT").is_ok_and(|planted| planted == name)
}

/// The planted defect that sleepers must reveal: whoever wakes writes, whatever became of its lease.
pub fn unfenced() -> bool {
    defect("unfenced_lease")
}

/// As [`super::lock::CURSOR`], and any epoch will do.
pub static CURSOR: Sql = Sql {
    text: "/* lock::cursor */ SELECT position FROM cursors WHERE consumer = $1 AND part = $2 AND $3 > 0 FOR UPDATE",
    types: &[Type::TEXT, Type::INT2, Type::INT8],
};
