//! Commands that are done once: what an `Idempotency-Key` on a command claims, and what a second use of it is answered.
//!
//! The claim is written in the transaction that does the command, so there is one exactly if the command was done; a
//! command that is refused leaves none, and may be sent again with its key. Orders claim their keys on their own
//! ([`crate::intake::Claim`]): a key used for an order says nothing about one used for a command.

use crate::time::Time;

/// A key on its way to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandClaim {
    /// The first 16 bytes of a SHA-256 over client and key.
    pub hash: [u8; 16],
    /// The first 16 bytes of a SHA-256 over method, path and canonical body.
    pub request: [u8; 16],
    pub expires_at: Time,
    /// What a replay needs that cannot be read again; the store fills it in where only the transaction knows it.
    pub outcome: String,
}

/// A key that was used: the command was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandDone {
    pub request: [u8; 16],
    pub outcome: String,
}

/// What a command with a key that was used is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// It is the same command again: it was done, with this outcome.
    Replay(String),
    /// The key belongs to another command.
    OtherRequest,
}

impl CommandDone {
    /// Compares a command with the one that has its key.
    #[must_use]
    pub fn answer(self, claim: &CommandClaim) -> Reuse {
        if self.request == claim.request {
            Reuse::Replay(self.outcome)
        } else {
            Reuse::OtherRequest
        }
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
