//! The shared driver under test: a database of its own per test, on a real server, reached directly or through a
//! pooler.

use async_trait::async_trait;
use std::sync::Arc;
use uuid::Uuid;
use waybill_store::conformance::Driver;
use waybill_store::postgres::{Options, PostgresStore, migrate, open_for_verify};
use waybill_store::{CommitListener, Now, Result, Store, verify::Report};
use waybill_testkit::pgbouncer::PgBouncer;
use waybill_testkit::postgres::{Database, Postgres};
use waybill_testkit::unavailable::or_skip;

/// A database that is dropped after the test.
pub struct Shared {
    database: Database,
    options: Options,
}

/// How a test reaches its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Direct,
    /// Through PgBouncer in transaction mode, with statements that have no names.
    Pooled,
}

impl Shared {
    /// A migrated database; `None` when no server is available and tests may run without one.
    pub async fn new(way: Way, partitions: u16) -> Option<Arc<Self>> {
        let server = or_skip(Postgres::shared())?;
        let name = format!(
            "waybill_{partitions}_{}",
            waybill_store::migrations::known()
        );
        let prepare = async |url: &str| {
            let mut options = Options::new(url);
            options.partitions = partitions;
            // Every copy gets the same ids, because no test compares the ids of two stores.
            let mut id = 0;
            let mut new_id = move || {
                id += 1;
                Uuid::from_u128(id)
            };
            migrate(&options, &mut new_id).await?;
            Ok(())
        };
        let template = server.template(&name, prepare).await;
        let template = template.expect("a template is made");
        let database = server.database(Some(&template));
        let database = database.expect("a database is made");
        let mut options = Options::new(database.url());
        if way == Way::Pooled {
            let pooler = or_skip(PgBouncer::shared())?;
            options.listen_url = Some(database.url());
            options.url = pooler.url(database.name());
            options.unnamed_statements = true;
        }
        // Small bounds, so that a case with a few rows reaches them, and many tests fit on one server.
        options.scan_limit = 16;
        (options.pool_min, options.pool_max) = (1, 4);
        Some(Arc::new(Self { database, options }))
    }

    /// A direct connection to the database, past the store.
    pub fn sql(&self, statements: &str) -> String {
        self.database.sql(statements).expect("the statement runs")
    }

    pub fn options(&self) -> Options {
        self.options.clone()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let deadlocks = self.database.deadlocks();
        if !std::thread::panicking() {
            assert!(deadlocks.is_empty(), "{deadlocks:?}");
        }
    }
}

#[async_trait]
impl Driver for Shared {
    async fn open(
        &self,
        now: Now,
        listener: Arc<dyn CommitListener>,
        new_id: &mut (dyn FnMut() -> Uuid + Send),
    ) -> Result<Arc<dyn Store>> {
        // The other driver takes two ids when a store is created; taking two here too gives both the same ids
        // afterwards.
        new_id();
        new_id();
        let opened = PostgresStore::open(self.options(), now, listener, 0).await;
        Ok(Arc::new(opened?))
    }

    async fn damage(&self, sql: &str) {
        self.sql(
            "DO $$ DECLARE c record; BEGIN FOR c IN SELECT conrelid::regclass AS t, conname AS n FROM pg_constraint \
             WHERE contype = 'c' AND connamespace = 'public'::regnamespace LOOP \
             EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.n); END LOOP; END $$",
        );
        let changed = self.sql(&format!(
            "WITH changed AS ({sql} RETURNING 1) SELECT count(*) FROM changed"
        ));
        assert_ne!(changed.trim(), "0", "{sql} changed nothing");
    }

    async fn verify(&self) -> Result<Report> {
        open_for_verify(&Options::new(self.database.url())).await
    }
}
