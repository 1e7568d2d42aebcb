//! Which samples a request asks for.

use waybill_domain::sample::Step;
use waybill_domain::time::Time;

use crate::http::v1::codes;
use crate::http::v1::params::Params;
use crate::http::v1::problem::Problem;

/// Slots in an answer at most.
const MOST_SLOTS: i64 = 1_500;

/// Characters of the name of a process at most.
pub const PROCESS_CHARS: usize = 200;

const HOUR_MS: i64 = 3_600_000;

/// Slots of one length, of all processes or of one.
pub struct Range {
    pub step: Step,
    /// The beginning of the first slot.
    pub from: Time,
    /// Slots begin before this time.
    pub to: Time,
    pub process: Option<String>,
}

impl Range {
    /// Reads the parameters of a request.
    ///
    /// # Errors
    /// `invalid_parameter`, with the parameter, the limit and the value.
    pub fn read(params: &Params, now: Time) -> Result<Self, Problem> {
        let step = params.read("step", "10s or 5m", Step::parse)?;
        let step = step.unwrap_or(Step::TenSeconds);
        let expected = format!("a name of at most {PROCESS_CHARS} characters");
        let name = |text: &str| (text.chars().count() <= PROCESS_CHARS).then(|| text.to_owned());
        let process = params.read("process", &expected, name)?;
        let to = params.time("to")?.unwrap_or(now);
        let usual_ms = match step {
            Step::TenSeconds => HOUR_MS,
            Step::FiveMinutes => 24 * HOUR_MS,
        };
        let from = params.time("from")?;
        let from = from.unwrap_or_else(|| to.plus_ms(-usual_ms));
        if from >= to {
            let detail = format!("must be before to, which is {to}; found {from}");
            return Err(invalid("from", detail));
        }
        let from = step.start_of(from);
        // Up to the beginning of the last slot.
        let slots = to.ms_since(from) / step.ms() + 1;
        let begins_one = step.start_of(to) != to;
        let slots = if begins_one { slots } else { slots - 1 };
        if slots > MOST_SLOTS {
            let longest = MOST_SLOTS * step.ms() / 60_000;
            let advice = match step {
                Step::TenSeconds => ", or step=5m",
                Step::FiveMinutes => "",
            };
            let detail = format!(
                "{slots} slots of {step} lie between {from} and {to}, and at most {MOST_SLOTS} are answered: ask for {longest} minutes at a time{advice}"
            );
            return Err(invalid("from", detail));
        }
        Ok(Self {
            step,
            from,
            to,
            process,
        })
    }
}

/// A parameter that is not acceptable.
pub fn invalid(name: &str, detail: String) -> Problem {
    Problem::new(codes::INVALID_PARAMETER, detail).of(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<(String, String), String> {
        let uri = format!("/v1/samples?{query}").parse().expect("a path");
        let params = Params::of_query(&uri, &["from", "to", "step", "process"]);
        let now = Time::parse("2026-05-04T12:00:03Z").expect("a time");
        let range = Range::read(&params.expect("known"), now).map_err(|p| p.detail().to_owned())?;
        Ok((range.from.to_string(), range.to.to_string()))
    }

    #[test]
    fn without_parameters_it_is_the_last_hour_and_of_long_slots_the_last_day() {
        let of = |from: &str| Ok((from.to_owned(), "2026-05-04T12:00:03Z".to_owned()));
        assert_eq!(read(""), of("2026-05-04T11:00:00Z"));
        assert_eq!(read("step=5m"), of("2026-05-03T12:00:00Z"));
        assert_eq!(
            read("from=2026-05-04T11:59:59Z"),
            of("2026-05-04T11:59:50Z")
        );
    }

    #[test]
    fn as_many_slots_as_allowed_are_taken_and_one_more_is_refused_with_the_limit() {
        let at = |from: &str| read(&format!("to=2026-05-04T12:00:00Z&from={from}"));
        assert!(at("2026-05-04T07:50:00Z").is_ok());
        let refused = at("2026-05-04T07:49:50Z").expect_err("1501 slots");
        assert!(
            refused.contains("1501 slots") && refused.contains("at most 1500"),
            "{refused}"
        );
        assert!(refused.contains("250 minutes"), "{refused}");
        let refused = read("step=5m&from=2026-04-04T00:00:00Z").expect_err("a month");
        assert!(refused.contains("7500 minutes at a time"), "{refused}");
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_was_expected() {
        let refused = read("from=2026-05-04T12:00:03Z").expect_err("nothing lies between");
        assert!(refused.contains("must be before to"), "{refused}");
        let refused = read("step=1m").expect_err("no such step");
        assert!(refused.contains("10s or 5m"), "{refused}");
        let long = "x".repeat(PROCESS_CHARS + 1);
        let refused = read(&format!("process={long}")).expect_err("too long");
        assert!(refused.contains("200"), "{refused}");
    }
}
