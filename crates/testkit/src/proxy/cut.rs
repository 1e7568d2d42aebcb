//! At which moment of a conversation its connection is cut.
//!
//! Owns the moments and the search for them. The conversation is bytes without meaning here; a pattern is
//! found also when it is split over several reads.

/// Patterns are short, and so is what must be remembered of what has passed.
pub(super) const LONGEST_PATTERN: usize = 64;

/// The moment, named by what the client says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// The request is lost: the bytes do not reach the server, and it will not act on them.
    Request { said: Vec<u8> },
    /// Cut when the bytes have been passed on: the server may act on them or not.
    Between { said: Vec<u8> },
    /// The answer is lost: the bytes reach the server, which acts on them and says so, in these words;
    /// nothing that it says after it was asked reaches the client.
    Answer { said: Vec<u8>, answered: Vec<u8> },
    /// Nothing is cut: the whole wire freezes, as by [`super::Proxy::freeze`], with these bytes held back on this side
    /// of the server.
    Hold { said: Vec<u8> },
    /// The same with the answer: the bytes reach the server, which acts on them and says so, in these words; the whole
    /// wire freezes with that word held back on this side of the client.
    HoldAnswer { said: Vec<u8>, answered: Vec<u8> },
    /// The answer is torn: so many more bytes of servers reach clients, on all connections together.
    Torn { bytes: u64 },
}

impl Cut {
    /// A COMMIT that never reached PostgreSQL.
    pub fn lost_commit() -> Self {
        Self::Request {
            said: b"COMMIT".into(),
        }
    }

    /// A COMMIT that PostgreSQL carried out; its client does not know.
    pub fn lost_commit_answer() -> Self {
        Self::Answer {
            said: b"COMMIT".into(),
            // The tag of CommandComplete ends with a zero byte; one of a failed transaction is ROLLBACK.
            answered: b"COMMIT\0".into(),
        }
    }

    /// A COMMIT on its way when the connection broke.
    pub fn at_commit() -> Self {
        Self::Between {
            said: b"COMMIT".into(),
        }
    }

    pub(super) fn said(&self) -> Option<&[u8]> {
        match self {
            Self::Request { said }
            | Self::Between { said }
            | Self::Hold { said }
            | Self::HoldAnswer { said, .. }
            | Self::Answer { said, .. } => Some(said),
            Self::Torn { .. } => None,
        }
    }

    pub(super) fn patterns(&self) -> impl Iterator<Item = &[u8]> {
        let answered = match self {
            Self::Answer { answered, .. } | Self::HoldAnswer { answered, .. } => {
                Some(answered.as_slice())
            }
            Self::Request { .. } | Self::Between { .. } | Self::Hold { .. } | Self::Torn { .. } => {
                None
            }
        };
        self.said().into_iter().chain(answered)
    }
}

/// What has passed in one direction, as far as a pattern may reach back.
#[derive(Debug, Default)]
pub(super) struct Passed {
    tail: Vec<u8>,
}

impl Passed {
    /// Whether the pattern ends within `fresh`, which comes next.
    pub fn completes(&self, fresh: &[u8], pattern: &[u8]) -> bool {
        let reach = self.tail.len().min(pattern.len() - 1);
        let mut text = self.tail[self.tail.len() - reach..].to_vec();
        text.extend_from_slice(fresh);
        text.windows(pattern.len()).any(|window| window == pattern)
    }

    pub fn push(&mut self, fresh: &[u8]) {
        self.tail.extend_from_slice(fresh);
        let surplus = self.tail.len().saturating_sub(LONGEST_PATTERN - 1);
        self.tail.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::Passed;

    #[test]
    fn a_pattern_is_found_once_wherever_it_is_torn() {
        let text = b"xxCOMxCOMMITxx";
        for first in 0..text.len() {
            for second in first..text.len() {
                let mut passed = Passed::default();
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                let found = pieces.map(|piece| {
                    let found = passed.completes(piece, b"COMMIT");
                    passed.push(piece);
                    found
                });
                assert_eq!(found.iter().filter(|f| **f).count(), 1, "{pieces:?}");
            }
        }
    }
}
