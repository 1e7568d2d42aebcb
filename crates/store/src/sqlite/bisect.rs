//! When one unit makes a batch fail, the batch is halved until only the unit at fault fails.

use super::tx::Tx;
use crate::error::Result;

/// Runs `run` over `units` in savepoints; a batch that fails because of one unit is halved. One result per
/// unit, in order.
///
/// # Errors
/// An error that no single unit caused ends the whole call.
pub fn bisect<U, T>(
    tx: &mut Tx<'_>,
    units: &[U],
    run: &mut impl FnMut(&mut Tx<'_>, &[U]) -> Result<Vec<T>>,
) -> Result<Vec<Result<T>>> {
    if units.is_empty() {
        return Ok(vec![]);
    }
    match tx.run_unit(|tx| run(tx, units)) {
        Ok(results) => Ok(results.into_iter().map(Ok).collect()),
        // Without savepoints one unit cannot be undone here, so the round is rolled back and run again with them.
        Err(error) if !tx.careful || !error.is_item_fault() => Err(error),
        Err(error) if units.len() == 1 => Ok(vec![Err(error)]),
        Err(_) => {
            let (left, right) = units.split_at(units.len() / 2);
            let mut results = bisect(tx, left, run)?;
            results.extend(bisect(tx, right, run)?);
            Ok(results)
        }
    }
}
