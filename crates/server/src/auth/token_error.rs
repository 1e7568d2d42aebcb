//! Why a token is refused.

/// Why a token is not accepted. The texts are for the caller and tell nothing about keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("no token; send Authorization: Bearer <token>")]
    Missing,
    #[error("the token is longer than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the token is malformed")]
    Malformed,
    #[error("the token was signed with a key that is not known here")]
    UnknownKey,
    #[error("the token's signature is wrong")]
    BadSignature,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token's issuer (iss) is not trusted here")]
    WrongIssuer,
    #[error("the token is meant for another audience (aud)")]
    WrongAudience,
    #[error("the token lacks the claim {0}")]
    MissingClaim(&'static str),
}

impl TokenError {
    /// One of each kind, so that the metric has every reason from the start.
    pub const KINDS: [Self; 10] = [
        Self::Missing,
        Self::TooLarge { limit: 0 },
        Self::Malformed,
        Self::UnknownKey,
        Self::BadSignature,
        Self::Expired,
        Self::NotYetValid,
        Self::WrongIssuer,
        Self::WrongAudience,
        Self::MissingClaim(""),
    ];

    /// A stable name for clients, logs and metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "token_missing",
            Self::TooLarge { .. } => "token_too_large",
            Self::Malformed => "token_malformed",
            Self::UnknownKey => "token_unknown_key",
            Self::BadSignature => "token_bad_signature",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::WrongIssuer => "token_wrong_issuer",
            Self::WrongAudience => "token_wrong_audience",
            Self::MissingClaim(_) => "token_missing_claim",
        }
    }
}
