//! Statements that need no explicit transaction; each flush takes a connection and returns it to the pool.

use super::connection::{Connections, Taken};
use super::errors::translate;
use super::pipeline::{Answers, Parameter, Pipeline, Sql};
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
        let rows = pipeline.add(sql, parameters);
        Ok(self.read_all(pipeline).await?.take(rows))
    }

    /// Several statements that need not see the same snapshot; a statement that writes is added with
    /// [`Pipeline::add_write`].
    pub async fn read_all(&self, pipeline: Pipeline<'_>) -> Result<Answers> {
        debug_assert!(pipeline.begins_what_it_writes(), "its COMMIT may not last");
        let connection = self.get().await?;
        match pipeline.run(self, &connection).await {
            Ok(answers) => Ok(answers),
            Err(failure) => {
                // A step that could not be sent may have left a transaction open.
                end(Taken::of(connection)).await;
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
        Ok(self.read_all(pipeline).await?.take(written))
    }
}

/// Rolls back a transaction and returns its connection to the pool; closes the connection if the rollback fails.
pub async fn end(connection: Taken) {
    if !connection.is_closed() && plain::roll_back(&connection).await.is_ok() {
        drop(connection.into_pool());
    }
}
