//! Defects planted by tests, to show that the checkers find them. Compiled only with the feature `planted-defects`.

use super::pipeline::Sql;
pub use crate::defects::{defect, takes_twice};
use crate::error::Result;
use crate::model::Accepted;
use parking_lot::Mutex;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio_postgres::types::Type;

/// The planted defect that the pause tests must reveal: a process that was paused goes on writing after another process
/// has taken its lease.
pub fn unfenced() -> bool {
    defect("unfenced_lease")
}

/// As [`super::lock::CURSOR`], but accepts any epoch.
pub static CURSOR: Sql = Sql {
    text: "/* lock::cursor */ SELECT position FROM cursors WHERE consumer = $1 AND part = $2 AND $3 > 0 FOR UPDATE",
    types: &[Type::TEXT, Type::INT2, Type::INT8],
};

/// The planted defect that the tests of combined turns must reveal: status' cursor passes events that other processes have
/// appended since the turn began.
pub fn passes_over_others() -> bool {
    defect("pass_over_others")
}

/// As the statement of `turn.rs`, without its guard.
pub static FOLLOW: Sql = Sql {
    text: "/* turn::follow */ UPDATE cursors SET position = currval($4::regclass) \
           WHERE consumer = $1 AND part = $2 AND $3::bigint + $5::bigint > 0 AND $6::text[] || $7::text[] IS NOT NULL AND $8::bigint IS NOT NULL RETURNING position",
    types: &[
        Type::TEXT,
        Type::INT2,
        Type::INT8,
        Type::OID,
        Type::INT8,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8,
    ],
};

/// The number of orders in the batch, and the sender of their results.
type Early = Mutex<Option<(usize, oneshot::Sender<Vec<Accepted>>)>>;

tokio::task_local! {
    static EARLY: Early;
}

/// The planted defect that the crash tests must reveal: results sent before the commit.
pub async fn answer_early(
    count: usize,
    accepted: impl Future<Output = Result<Vec<Result<Accepted>>>> + Send + 'static,
) -> Result<Vec<Result<Accepted>>> {
    let (tell, told) = oneshot::channel();
    let early = Mutex::new(Some((count, tell)));
    let task = tokio::spawn(EARLY.scope(early, accepted));
    tokio::select! {
        Ok(results) = told => Ok(results.into_iter().map(Ok).collect()),
        done = task => done.expect("it does not panic"),
    }
}

/// If the defect is planted, sends the results before the commit, and waits so that a kill can fall between the two.
pub async fn about_to_commit(results: &[Accepted]) {
    let tell = EARLY.try_with(|early| early.lock().take_if(|(all, _)| *all == results.len()));
    if let Ok(Some((_, tell))) = tell {
        // No error: the caller may have stopped waiting.
        let _ = tell.send(results.to_vec());
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}
