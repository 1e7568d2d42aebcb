//! Records the statements that ran, so that a test can check the plan of each. Compiled for tests only.

use super::errors::IntoStore;
use crate::error::Result;
use parking_lot::Mutex;
use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use std::collections::BTreeSet;

static RUN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Remembers every statement that a connection runs.
pub fn watch(connection: &mut Connection) -> Result<()> {
    let remember = |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(_, sql) = event
            && !RUN.lock().contains(sql)
        {
            RUN.lock().insert(sql.to_owned());
        }
    };
    connection
        .trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(remember))
        .store()
}

/// Every statement run so far by any store of this process.
#[must_use]
pub fn statements() -> Vec<String> {
    RUN.lock().iter().cloned().collect()
}
