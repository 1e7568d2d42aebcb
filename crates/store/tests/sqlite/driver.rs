//! The embedded driver under test: a temporary folder.

use async_trait::async_trait;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use uuid::Uuid;
use waybill_store::conformance::Driver;
use waybill_store::sqlite::{Options, SqliteStore, open_for_verify};
use waybill_store::{CommitListener, Now, Result, Store, verify::Report};

/// A folder that is removed after the test.
pub struct Embedded {
    folder: TempDir,
    tune: fn(&mut Options),
}

impl Embedded {
    /// Small bounds, so that a case with a few rows reaches them.
    pub fn new() -> Arc<Self> {
        Self::tuned(|options| options.scan_limit = 16)
    }

    pub fn tuned(tune: fn(&mut Options)) -> Arc<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Arc::new(Self { folder, tune })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A connection on which CHECK constraints are not enforced.
    pub fn connection(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path().join("waybill.db")).expect("the file opens")
    }
}

/// Opens the store in a folder; a test in which durability is in doubt fails.
pub fn open(
    options: Options,
    now: Now,
    listener: Arc<dyn CommitListener>,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Result<Arc<dyn Store>> {
    let on_fatal = Arc::new(|why: &str| panic!("{why}"));
    Ok(Arc::new(SqliteStore::open(
        options, now, new_id, listener, on_fatal,
    )?))
}

#[async_trait]
impl Driver for Embedded {
    async fn open(
        &self,
        now: Now,
        listener: Arc<dyn CommitListener>,
        new_id: &mut (dyn FnMut() -> Uuid + Send),
    ) -> Result<Arc<dyn Store>> {
        let mut options = Options::new(self.path());
        (self.tune)(&mut options);
        open(options, now, listener, new_id)
    }

    async fn damage(&self, sql: &str) {
        let connection = self.connection();
        connection
            .pragma_update(None, "ignore_check_constraints", true)
            .expect("a pragma");
        let changed = connection.execute(sql, []).expect("the statement runs");
        assert!(changed > 0, "{sql} changed nothing");
    }

    async fn verify(&self) -> Result<Report> {
        open_for_verify(self.path())
    }
}
