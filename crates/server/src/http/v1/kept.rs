//! The answer that was kept with the key of a request, for resources whose answer cannot be rendered again.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use waybill_domain::precondition::Tag;
use waybill_store::Error as StoreError;

use super::command::marked;
use super::preconditions;
use super::problem::Problem;
use crate::http::json;

/// An answer as it was kept with the request's key. It has no secret.
pub struct Kept {
    shown: String,
    version: i64,
}

/// What is read of a kept answer.
#[derive(Deserialize)]
struct Shown {
    version: i64,
}

impl Kept {
    /// Reads what the store kept.
    ///
    /// # Errors
    /// It shows no version.
    pub fn read(shown: String) -> Result<Self, Problem> {
        match serde_json::from_str::<Shown>(&shown) {
            Ok(Shown { version }) => Ok(Self { shown, version }),
            Err(_) => Err(StoreError::damaged_row("the outcome of a command", shown).into()),
        }
    }

    /// Whether it shows the first version, so that the request made what it shows.
    #[must_use]
    pub fn is_of_something_new(&self) -> bool {
        self.version == 1
    }

    /// The answer, marked as replayed.
    pub fn answer(self, status: StatusCode) -> Response {
        let answer = (status, json::Raw(self.shown)).into_response();
        let mut answer = marked(answer, true);
        preconditions::set_tag(&mut answer, Tag::of(self.version));
        answer
    }
}
