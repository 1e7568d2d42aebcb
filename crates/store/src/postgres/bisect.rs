//! When one unit makes a batch fail, the batch is halved until only the unit at fault fails.

use crate::error::Result;

/// A batch that is written in pieces, each piece in a transaction of its own.
pub struct Bisection<'u, U, T> {
    waiting: Vec<&'u [U]>,
    results: Vec<Result<T>>,
}

impl<'u, U, T> Bisection<'u, U, T> {
    pub fn of(units: &'u [U]) -> Self {
        Self {
            waiting: vec![units],
            results: Vec::with_capacity(units.len()),
        }
    }

    /// The piece to write next; `None` when every unit has a result.
    pub fn next(&mut self) -> Option<&'u [U]> {
        let next = self.waiting.pop()?;
        if next.is_empty() {
            self.next()
        } else {
            Some(next)
        }
    }

    /// Records the result of a piece. A piece that failed because of one unit is halved, and both halves are written
    /// later.
    ///
    /// # Errors
    /// An error that no single unit caused ends the whole call. Pieces committed before it stay committed; their units
    /// are recognised as duplicates when the caller sends them again.
    pub fn tried(&mut self, piece: &'u [U], done: Result<Vec<Result<T>>>) -> Result<()> {
        match done {
            Ok(done) => self.results.extend(done),
            Err(error) if !error.is_item_fault() => return Err(error),
            Err(error) if piece.len() == 1 => self.results.push(Err(error)),
            Err(_) => {
                let (left, right) = piece.split_at(piece.len() / 2);
                self.waiting.extend([right, left]);
            }
        }
        Ok(())
    }

    /// One result per unit, in order.
    pub fn results(self) -> Vec<Result<T>> {
        self.results
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn only_the_unit_at_fault_fails() {
        let units: Vec<i32> = (0..37).collect();
        let mut bisection = Bisection::of(&units);
        let mut tries = 0;
        while let Some(piece) = bisection.next() {
            tries += 1;
            let bad = piece.contains(&20);
            let done = if bad {
                Err(Error::refused("20"))
            } else {
                Ok(piece.iter().map(|n| Ok(*n)).collect())
            };
            bisection.tried(piece, done).unwrap();
        }
        let results = bisection.results();
        let failed: Vec<usize> = (0..37).filter(|i| results[*i].is_err()).collect();
        assert_eq!((results.len(), failed, tries), (37, vec![20], 11));
    }
}
