//! A row that is copied from one driver to the other: every value has the type of the target's column.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use uuid::Uuid;

/// The type of a column, as the shared store has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Small,
    Int,
    Big,
    Bool,
    Text,
    /// Ids, and hashes of 16 bytes.
    Uuid,
    Bytes,
}

/// A column that is moved.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    /// The expression that is read instead of the column.
    pub instead: Option<&'static str>,
}

/// A cell, perhaps null.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    Small(Option<i16>),
    Int(Option<i32>),
    Big(Option<i64>),
    Bool(Option<bool>),
    Text(Option<String>),
    Uuid(Option<Uuid>),
    Bytes(Option<Vec<u8>>),
}

/// Some rows of a table.
#[derive(Debug, Default)]
pub struct Batch {
    pub rows: Vec<Vec<Value>>,
    /// Whether this is the table's last batch.
    pub last: bool,
}

/// The number of rows and a digest of their content that does not depend on their order, since the two databases sort
/// text differently. It finds errors of the copy; it is no protection against forgery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    pub rows: u64,
    sum: u64,
}

impl Digest {
    /// Takes a row in.
    pub fn add(&mut self, row: &[Value]) {
        // This hasher has no random key, so both sides get the same digest.
        let mut hasher = DefaultHasher::new();
        row.hash(&mut hasher);
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hasher.finish());
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:016x}", self.rows, self.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(rows: &[&[Value]]) -> Digest {
        let mut digest = Digest::default();
        rows.iter().for_each(|row| digest.add(row));
        digest
    }

    #[test]
    fn the_order_of_rows_does_not_matter_and_everything_else_does() {
        let text = |t: &str| Value::Text(Some(t.into()));
        let (a, b) = ([text("a"), text("")], [text("b"), Value::Text(None)]);
        let whole = digest(&[&a, &b]);
        assert_eq!(whole, digest(&[&b, &a]));
        for other in [
            digest(&[&a]),
            digest(&[&a, &a]),
            digest(&[&a, &[text("b"), text("")]]),
            digest(&[&a, &[Value::Text(None), text("b")]]),
        ] {
            assert_ne!(whole, other);
        }
    }
}
