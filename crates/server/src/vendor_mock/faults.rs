//! What a mock vendor does wrong, and how often.

use serde::{Deserialize, Serialize};

use super::nonsense::Nonsense;
use crate::config::{Millis, MillisRange};
use crate::random::Entropy;

/// The faults; none by default. They can be changed while the mock runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Faults {
    /// The time before each answer.
    pub latency_ms: MillisRange,
    /// Percent of the calls that move units and get 503 without being done.
    pub error_percent: f64,
    /// Percent that are done, and whose connection is closed without an answer.
    pub lost_percent: f64,
    /// Percent that are answered with yes, and not done.
    pub lie_percent: f64,
    /// Bytes a second at which answers leave; 0 for at once.
    pub drip_bytes_per_s: u32,
    /// What `GET /stock` answers instead of the stock.
    pub nonsense: Option<Nonsense>,
    /// Every connection is closed without an answer, as if the vendor were down. The ledger and the faults still answer.
    pub down: bool,
    /// Whether a call that repeats an `Idempotency-Key` gets the first answer and is not done again.
    pub honours_keys: bool,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            latency_ms: MillisRange::always(Millis::new(0)),
            error_percent: 0.0,
            lost_percent: 0.0,
            lie_percent: 0.0,
            drip_bytes_per_s: 0,
            nonsense: None,
            down: false,
            honours_keys: false,
        }
    }
}

/// Why faults cannot be had.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum FaultError {
    #[error("{name} is a percentage from 0 to 100; found {found}")]
    NoPercentage { name: &'static str, found: f64 },
    #[error(
        "errorPercent, lostPercent and liePercent are of the same calls: at most 100 together; found {found}"
    )]
    TooMany { found: f64 },
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    Honest,
    /// Nothing is done, and the answer is an error.
    Error,
    /// Done, without an answer.
    LoseAnswer,
    /// Answered with yes, and not done.
    OnlySayYes,
}

impl Faults {
    /// Checks the percentages.
    ///
    /// # Errors
    /// One is out of range, or all together are.
    pub fn check(self) -> Result<Self, FaultError> {
        let percentages = [
            ("errorPercent", self.error_percent),
            ("lostPercent", self.lost_percent),
            ("liePercent", self.lie_percent),
        ];
        for (name, found) in percentages {
            if !(0.0..=100.0).contains(&found) {
                return Err(FaultError::NoPercentage { name, found });
            }
        }
        let found = percentages.iter().map(|(_, percent)| percent).sum::<f64>();
        if found > 100.0 {
            return Err(FaultError::TooMany { found });
        }
        Ok(self)
    }

    /// Draws what becomes of a call.
    pub(super) fn behaviour(&self, entropy: &Entropy) -> Behaviour {
        let mut drawn = entropy.fraction() * 100.0;
        for (percent, behaviour) in [
            (self.error_percent, Behaviour::Error),
            (self.lost_percent, Behaviour::LoseAnswer),
            (self.lie_percent, Behaviour::OnlySayYes),
        ] {
            if drawn < percent {
                return behaviour;
            }
            drawn -= percent;
        }
        Behaviour::Honest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_of_a_hundred() {
        let faults = |error_percent, lost_percent| Faults {
            error_percent,
            lost_percent,
            ..Faults::default()
        };
        assert!(faults(60.0, 40.0).check().is_ok());
        let found = 101.0;
        let refused = faults(60.0, 41.0).check();
        assert_eq!(refused, Err(FaultError::TooMany { found }));
        for wrong in [-1.0, 100.5, f64::INFINITY] {
            let refused = faults(wrong, 0.0).check();
            assert!(matches!(refused, Err(FaultError::NoPercentage { .. })));
        }
        assert!(faults(f64::NAN, 0.0).check().is_err());
    }

    #[test]
    fn each_fault_hits_as_often_as_it_says() {
        let entropy = Entropy::from_seed(7);
        let faults = Faults {
            error_percent: 20.0,
            lost_percent: 10.0,
            lie_percent: 5.0,
            ..Faults::default()
        };
        let drawn: Vec<Behaviour> = (0..10_000).map(|_| faults.behaviour(&entropy)).collect();
        for (behaviour, expected) in [
            (Behaviour::Error, 2_000),
            (Behaviour::LoseAnswer, 1_000),
            (Behaviour::OnlySayYes, 500),
            (Behaviour::Honest, 6_500),
        ] {
            let hits = drawn.iter().filter(|drawn| **drawn == behaviour).count();
            let range = expected * 9 / 10..=expected * 11 / 10;
            assert!(range.contains(&hits), "{behaviour:?}: {hits}");
        }
    }

    #[test]
    fn they_are_read_from_json_and_a_typing_error_is_refused() {
        let read: Faults =
            serde_json::from_str(r#"{"latencyMs":"50-150","lostPercent":10,"nonsense":"html"}"#)
                .expect("read");
        assert_eq!(
            (read.lost_percent, read.nonsense),
            (10.0, Some(Nonsense::Html))
        );
        assert!(serde_json::from_str::<Faults>(r#"{"lostpercent":10}"#).is_err());
    }
}
