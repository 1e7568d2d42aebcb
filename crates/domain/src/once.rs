//! Requests that are done once: whether a second use of a key is the first request again, and the claim of an
//! `Idempotency-Key` on a command.
//!
//! The claim is written in the transaction that does the command, so it exists exactly if the command was done. A
//! refused command leaves no claim and may be sent again with its key. Orders have claims of their own
//! ([`crate::claim::Claim`]), so the same key may be used for an order and for a command.

use crate::time::Time;

/// A key that a command claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandClaim {
    /// The first 16 bytes of a SHA-256 over client and key.
    pub hash: [u8; 16],
    /// The first 16 bytes of a SHA-256 over method, path and canonical body.
    pub request: [u8; 16],
    pub expires_at: Time,
    /// The part of the answer that a replay cannot read again; the store fills it in when it is only known in the
    /// transaction.
    pub outcome: String,
}

/// A used key: its command was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandDone {
    pub request: [u8; 16],
    pub outcome: String,
}

/// The answer to a request whose key was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reuse<T> {
    /// The same request was sent again; it was done with this result.
    Replay(T),
    /// The key belongs to another request.
    OtherRequest,
}

/// Compares the hash of the request that used a key first with the hash of one that uses it again; `result` is what the
/// first one came to.
#[must_use]
pub fn reuse<T>(first: &[u8; 16], again: &[u8; 16], result: T) -> Reuse<T> {
    if first == again {
        Reuse::Replay(result)
    } else {
        Reuse::OtherRequest
    }
}

impl CommandDone {
    /// Compares a command with the one that has its key.
    #[must_use]
    pub fn answer(self, claim: &CommandClaim) -> Reuse<String> {
        reuse(&self.request, &claim.request, self.outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_belongs_to_the_request_that_first_used_it() {
        let claim = |request| CommandClaim {
            hash: [1; 16],
            request,
            expires_at: Time(0),
            outcome: String::new(),
        };
        let done = CommandDone {
            request: [2; 16],
            outcome: "first".into(),
        };
        assert_eq!(
            done.clone().answer(&claim([2; 16])),
            Reuse::Replay("first".into())
        );
        assert_eq!(done.answer(&claim([3; 16])), Reuse::OtherRequest);
    }
}
