//! JSON answers that were written by hand, and reading JSON so that an error names its field.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde_json::value::RawValue;
use waybill_domain::money::Shown;

/// A body that is JSON already.
pub struct Raw(pub String);

impl IntoResponse for Raw {
    fn into_response(self) -> Response {
        (
            [(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            )],
            self.0,
        )
            .into_response()
    }
}

/// A JSON string, quoted and escaped.
#[must_use]
pub fn text(value: &str) -> String {
    serde_json::to_string(value).expect("a string always serializes")
}

/// A decimal as a JSON number, digit by digit.
#[must_use]
pub fn number(shown: &Shown) -> Box<RawValue> {
    RawValue::from_string(shown.to_string()).expect("a decimal is a JSON number")
}

/// A value as a JSON body.
#[must_use]
pub fn of<T: serde::Serialize>(value: &T) -> Raw {
    Raw(serde_json::to_string(value).expect("answers have string keys and no fallible fields"))
}
