//! Which generation of a store an event was written in. A restored store goes on under a new generation, but its older
//! events were written, and perhaps sent to other stores, under the former one. The same in both drivers.

use crate::error::{Error, Result};
use crate::model::Positions;
use serde::{Deserialize, Serialize};

/// The key in `meta` of the former generations.
pub const KEY: &str = "former_generations";

/// Former generations that are kept; events of older ones count as the oldest one's.
const KEPT: usize = 64;

/// A generation that a restore has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerGeneration {
    pub generation: String,
    /// The last position of each partition that was written in it, as far as the restored store has it.
    pub ended: Vec<i64>,
}

/// Former generations, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Former(Vec<FormerGeneration>);

impl Former {
    /// Reads the value in `meta`; a store that was never restored has none.
    pub fn read(text: Option<&str>) -> Result<Self> {
        let Some(text) = text else {
            return Ok(Self::default());
        };
        let read = serde_json::from_str(text).map(Self);
        read.map_err(|_| Error::damaged_row("meta", format!("{KEY} is {text}")))
    }

    /// The value for `meta` after a restore has ended `generation` at these positions.
    pub fn with(mut self, generation: &str, ended: Positions) -> String {
        self.0.push(FormerGeneration {
            generation: generation.to_owned(),
            ended: ended.0,
        });
        // No error: with fewer than are kept, none is removed.
        let extra = self.0.len().saturating_sub(KEPT);
        self.0.drain(..extra);
        crate::encoding::json(&self.0)
    }

    /// The former generation in which an event was written; `None` for the present one. A partition that a former log did
    /// not have is the present one's: the store was moved.
    #[must_use]
    pub fn of(&self, partition: u16, position: i64) -> Option<&str> {
        let has = |former: &&FormerGeneration| {
            let ended = former.ended.get(usize::from(partition));
            ended.is_some_and(|ended| position <= *ended)
        };
        self.0.iter().find(has).map(|former| &*former.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_belongs_to_the_generation_that_was_there_when_it_was_written() {
        let first = Former::default().with("g1", Positions(vec![10, 4]));
        let former = Former::read(Some(&first)).expect("valid");
        let second = former.with("g2", Positions(vec![10, 9]));
        let former = Former::read(Some(&second)).expect("valid");
        for (partition, position, generation) in [
            (0, 1, Some("g1")),
            (0, 10, Some("g1")),
            (0, 11, None),
            (1, 4, Some("g1")),
            (1, 5, Some("g2")),
            (1, 10, None),
            (2, 1, None),
        ] {
            assert_eq!(
                former.of(partition, position),
                generation,
                "{partition}/{position}"
            );
        }
        assert_eq!(Former::default().of(0, 1), None);
        assert!(Former::read(Some("x")).is_err());
    }

    #[test]
    fn the_oldest_generations_are_forgotten() {
        let mut text = None;
        for n in 0..70 {
            let former = Former::read(text.as_deref()).expect("valid");
            text = Some(former.with(&format!("g{n}"), Positions(vec![n])));
        }
        let former = Former::read(text.as_deref()).expect("valid");
        assert_eq!(former.0.len(), KEPT);
        assert_eq!(former.of(0, 0), Some("g6"));
    }
}
