//! An error in the words of a dialect.

use http::StatusCode;

/// A problem in the words of a dialect. Headers are the same in all of them.
pub struct Worded {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub body: String,
}
