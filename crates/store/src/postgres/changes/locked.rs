//! Locks the rows that changes will write, and compares their versions with those the changes were decided on.

use super::super::once::{Claimed, Claims, Free};
use super::super::pipeline::{Answers, Handle, Pipeline, Rows, Sql, params};
use super::OwnedRows;
use crate::error::{Error, Result};
use std::collections::{BTreeSet, HashMap};
use tokio_postgres::Row;
use uuid::Uuid;
use waybill_domain::change::Change;
use waybill_domain::time::Time;

/// Which rows changes are about to write, in the order of the classes.
pub struct Wanted<E: OwnedRows> {
    claims: Claims,
    rows: E::Wanted,
}

/// Ids, each once and sorted.
pub fn distinct(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    ids.collect::<BTreeSet<_>>().into_iter().collect()
}

impl<E: OwnedRows> Wanted<E> {
    pub fn of<'c>(changes: impl IntoIterator<Item = &'c Change<E>>) -> Self {
        let changes: Vec<&Change<E>> = changes.into_iter().collect();
        Self {
            claims: Claims::of(changes.iter().map(|c| (&c.tenant, c.claim.as_ref()))),
            rows: E::wanted(&changes),
        }
    }

    /// Adds the locking statements, class by class; a class without rows to lock gets no statement.
    pub fn lock<'p>(&'p self, pipeline: &mut Pipeline<'p>, now: Time) -> Locks<E> {
        // Fields are evaluated in the order in which they are written: that of the classes.
        Locks {
            claims: self.claims.claim(pipeline, now),
            rows: E::lock(&self.rows, pipeline),
        }
    }
}

/// The locks that were asked for.
pub struct Locks<E: OwnedRows> {
    claims: Claimed,
    rows: E::Locks,
}

/// Adds the statement that locks rows by their ids; `None` when `ids` is empty.
pub fn by_id<'p>(
    pipeline: &mut Pipeline<'p>,
    sql: &'static Sql,
    ids: &'p [Uuid],
) -> Option<Handle<Rows>> {
    (!ids.is_empty()).then(|| pipeline.add(sql, params![ids]))
}

/// The rows of a class, none if it was not asked for.
pub fn rows_of(answers: &mut Answers, class: Option<Handle<Rows>>) -> Vec<Row> {
    class.map_or_else(Vec::new, |class| answers.take(class))
}

/// The state of the locked rows, updated in memory with each change that is taken in.
pub struct Locked<E: OwnedRows> {
    pub free_keys: Free,
    pub rows: E::Locked,
}

impl<E: OwnedRows> Locked<E> {
    /// Reads the state of the locked rows.
    pub fn read(locks: Locks<E>, answers: &mut Answers) -> Result<Self> {
        Ok(Self {
            free_keys: locks.claims.free(answers)?,
            rows: E::read(locks.rows, answers)?,
        })
    }

    /// Takes changes in: all of them, or an error and none.
    pub fn with<'c>(mut self, changes: impl IntoIterator<Item = &'c Change<E>>) -> Result<Self> {
        for change in changes {
            self.take(change)?;
        }
        Ok(self)
    }

    /// Takes a change in if it was decided on the rows' present versions.
    pub fn take(&mut self, change: &Change<E>) -> Result<()> {
        let claim = change.claim.as_ref();
        if !self.free_keys.allows(&change.tenant, claim) {
            return Err(Error::KeyUsed);
        }
        E::take(&mut self.rows, change)?;
        self.free_keys.uses(&change.tenant, claim);
        Ok(())
    }
}

/// Fails where a locked row has another version than the change expects; a row that is not there has version 0.
pub fn expect_version(
    versions: &HashMap<Uuid, i64>,
    id: Uuid,
    expected: i64,
    what: &'static str,
) -> Result<()> {
    if versions.get(&id).copied().unwrap_or(0) == expected {
        Ok(())
    } else {
        Err(Error::Conflict { what })
    }
}
