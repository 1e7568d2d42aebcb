//! Statements outside of any transaction of ours, each flush on a connection that goes back to the pool.

use super::connection::{Connection, Connections};
use super::errors::translate;
use super::pipeline::{Parameter, Pipeline, Sql};
use super::plain;
use crate::error::Result;
use tokio_postgres::Row;

impl Connections {
    /// One statement that reads.
    pub async fn read<'a>(
        &'a self,
        sql: &'static Sql,
        parameters: Vec<Parameter<'a>>,
    ) -> Result<Vec<Row>> {
        let mut pipeline = Pipeline::new();
        pipeline.add(sql, parameters);
        Ok(self.read_all(pipeline).await?.remove(0))
    }

    /// Several statements that need not see the same moment; those that write, by [`Pipeline::add_write`].
    pub async fn read_all(&self, pipeline: Pipeline<'_>) -> Result<Vec<Vec<Row>>> {
        debug_assert!(pipeline.begins_what_it_writes(), "its COMMIT may not last");
        let connection = self.get().await?;
        match pipeline.run(self, &connection).await {
            Ok(rows) => Ok(rows),
            Err(failure) => {
                // What could not be sent may have left a transaction open.
                end(connection).await;
                Err(translate(failure.error))
            }
        }
    }

    /// One statement that writes, in a transaction of its own, in one round trip.
    pub async fn write_one<'a>(
        &'a self,
        sql: &'static Sql,
        parameters: Vec<Parameter<'a>>,
    ) -> Result<Vec<Row>> {
        let mut pipeline = Pipeline::new();
        let written = pipeline.add_write(self, sql, parameters);
        Ok(self.read_all(pipeline).await?.swap_remove(written))
    }
}

/// Ends a transaction; a connection that cannot is given up.
pub async fn end(connection: Connection) {
    if connection.is_closed() || plain::roll_back(&connection).await.is_err() {
        drop(Connection::take(connection));
    }
}
