//! One kind of problem.

use http::StatusCode;

/// One kind of problem.
#[derive(Debug)]
pub struct Kind {
    pub code: &'static str,
    pub status: u16,
    pub title: &'static str,
    /// What a caller should do about it, for the page of the problem.
    pub advice: &'static str,
}

impl Kind {
    /// Its HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The path of the page that explains it, which is also its `type`.
    #[must_use]
    pub fn page(&self) -> String {
        format!("/problems/{}", self.code.replace('_', "-"))
    }
}

/// A kind; the advice is whole sentences.
pub const fn kind_of(
    code: &'static str,
    status: u16,
    title: &'static str,
    advice: &'static str,
) -> Kind {
    Kind {
        code,
        status,
        title,
        advice,
    }
}
