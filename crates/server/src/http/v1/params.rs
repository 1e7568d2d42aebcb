//! The query of a request, read strictly: an unknown parameter is an error, so that a misspelled filter is noticed.

use axum::extract::Query;
use http::Uri;
use waybill_domain::echo::Echo;
use waybill_domain::echo::quoted;
use waybill_domain::time::Time;

use super::codes;
use super::nearest::nearest;
use super::problem::Problem;
use crate::config::Limits;

/// Parameters by name.
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads the query of an address, with these names allowed.
    ///
    /// # Errors
    /// `unknown_parameter`, with the nearest known one; `invalid_parameter` for an empty value or a query that cannot be
    /// read.
    pub fn of_query(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        Self::of(Self::pairs(uri)?, known)
    }

    /// Reads these parameters of the query of an address; others are ignored.
    ///
    /// # Errors
    /// `invalid_parameter`, as [`Params::of_query`].
    pub fn some_of_query(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let mut pairs = Self::pairs(uri)?;
        pairs.retain(|(name, _)| known.contains(&name.as_str()));
        Self::of(pairs, known)
    }

    fn pairs(uri: &Uri) -> Result<Vec<(String, String)>, Problem> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
        pairs.map(|Query(pairs)| pairs).map_err(|error| {
            let detail = format!("the query cannot be read: {error}");
            Problem::new(codes::INVALID_PARAMETER, detail)
        })
    }

    fn of(pairs: Vec<(String, String)>, known: &[&str]) -> Result<Self, Problem> {
        for (name, value) in &pairs {
            if !known.contains(&name.as_str()) {
                let hint = match nearest(name, known) {
                    Some(near) => format!("did you mean {near}?"),
                    None if known.is_empty() => "this path takes none".into(),
                    None => format!("there are {}", known.join(", ")),
                };
                return Err(Problem::new(codes::UNKNOWN_PARAMETER, hint).of(Echo(name).to_string()));
            }
            // An empty `after` is the beginning of the list. Any other empty value would silently filter nothing.
            if value.is_empty() && name != "after" {
                return Err(invalid(
                    name,
                    "is empty; leave it out, or say what it should be",
                ));
            }
            if value.contains('\0') {
                return Err(invalid(name, "must not contain the character NUL"));
            }
        }
        Ok(Self(pairs))
    }

    /// All values of a name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(n, v)| n == name && !v.is_empty())
            .map(|(_, v)| v.as_str())
    }

    /// The one value of a name.
    ///
    /// # Errors
    /// It is given twice.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.all(name);
        let first = values.next();
        match values.next() {
            Some(_) => Err(invalid(name, "given more than once")),
            None => Ok(first),
        }
    }

    /// A value read by `read`.
    ///
    /// # Errors
    /// `invalid_parameter`, saying what was expected.
    pub fn read<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.one(name)? else {
            return Ok(None);
        };
        read(text).map(Some).ok_or_else(|| {
            let detail = format!("expected {expected}; found {}", quoted(text));
            invalid(name, &detail)
        })
    }

    /// A point in time.
    ///
    /// # Errors
    /// `invalid_parameter`.
    pub fn time(&self, name: &str) -> Result<Option<Time>, Problem> {
        let read = |text| Time::read(text).map_err(|fault| invalid(name, &fault.to_string()));
        self.one(name)?.map(read).transpose()
    }

    /// How many items the caller wants on a page.
    ///
    /// # Errors
    /// `invalid_parameter`.
    pub fn limit(&self, limits: &Limits) -> Result<usize, Problem> {
        let most = limits.page_max;
        let within = |text: &str| text.parse::<u32>().ok().filter(|n| (1..=most).contains(n));
        let asked = self.read("limit", &format!("a number from 1 to {most}"), within)?;
        Ok(asked.unwrap_or(limits.page_default.min(most)) as usize)
    }
}

fn invalid(name: &str, detail: &str) -> Problem {
    Problem::new(codes::INVALID_PARAMETER, detail).of(name)
}
