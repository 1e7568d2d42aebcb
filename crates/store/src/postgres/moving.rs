//! PostgreSQL as the target of a move: filled, compared and checked in one transaction.

use super::connection::{Options, read_url};
use super::errors::{IntoStore, is_of_the_statement, translate};
use super::migrate::{self, migrate};
use super::session::Session;
use super::unreachable::unreachable;
use super::{log, plain, values, verify};
use crate::error::{Error, Result};
use crate::migrations;
use crate::moving::{Batch, Column, Digest, Kind, StoreState, TABLES, Table, Value};
use crate::verify::Report;
use futures::{StreamExt, pin_mut};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_postgres::Config;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// Tables besides [`TABLES`] that have rows once a server has run on the store.
const TRACES: [&str; 3] = ["order_counts", "members", "samples"];

/// How often to look for other connections: a connection that was just closed is listed for a moment longer.
const LOOKS: usize = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// The database that a store is moved into.
pub struct Target {
    client: Session,
    config: Config,
    partitions: u16,
}

impl Target {
    /// Connects; creates and migrates the database if needed.
    pub async fn open(
        options: &Options,
        new_id: &mut (dyn FnMut() -> Uuid + Send),
    ) -> Result<Self> {
        let migrated = migrate(options, new_id).await?;
        let known = migrations::known();
        if migrated.to != known {
            let found = migrated.to;
            return Err(Error::NewerSchema { found, known });
        }
        let (config, tls) = read_url(&options.url, options)?;
        let connected = Session::connect(&config, &tls).await;
        let client = connected.map_err(|e| unreachable(&config, e))?;
        let partitions =
            plain::number(&client, "SELECT value FROM meta WHERE key = 'parts'").await?;
        let partitions = u16::try_from(partitions)
            .map_err(|_| Error::damaged_row("meta", format!("parts is {partitions}")))?;
        Ok(Self {
            client,
            config,
            partitions,
        })
    }

    /// Partitions of its log.
    pub fn partitions(&self) -> u16 {
        self.partitions
    }

    /// The database's host, port and name, for messages; without the password.
    pub fn place(&self) -> String {
        let name = self.config.get_dbname().unwrap_or("postgres");
        format!("the PostgreSQL database {name}")
    }

    /// Begins the one transaction of the move, locks all tables against others and checks that they are empty.
    pub async fn begin(&mut self, state: &StoreState) -> Result<()> {
        self.refuse_others().await?;
        let all = TABLES.iter().map(|t| t.name).chain(TRACES);
        let all: Vec<&str> = all.collect();
        let first = format!(
            "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
             LOCK TABLE meta, {} IN ACCESS EXCLUSIVE MODE",
            all.join(", ")
        );
        plain::begin(&self.client, &first).await?;
        for table in all {
            let sql = format!("SELECT EXISTS (SELECT 1 FROM {table})");
            let row = self.client.query_one(&sql, &[]).await.store()?;
            if row.try_get(0).store()? {
                return Err(self.not_empty(table, state).await?);
            }
        }
        Ok(())
    }

    async fn not_empty(&self, table: &str, state: &StoreState) -> Result<Error> {
        let sql = "SELECT value FROM meta WHERE key = 'store_id'";
        let row = self.client.query_one(sql, &[]).await.store()?;
        let there: &str = row.try_get(0).store()?;
        let place = self.place();
        Ok(if there == state.store_id {
            Error::open(
                format!("{place} holds this store already"),
                "it was moved before; start the servers on that database",
            )
        } else {
            Error::open(
                format!("{place} is not empty: {table} has rows"),
                "a store is moved into a database that never was served; name another one, it is made where that is \
                         allowed",
            )
        })
    }

    /// Refuses while another process is connected: that process has read the empty store's identity and would keep
    /// using it.
    async fn refuse_others(&self) -> Result<()> {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                   AND application_name = current_setting('application_name')";
        for _ in 0..LOOKS {
            if plain::number(&self.client, sql).await? == 0 {
                return Ok(());
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        Err(Error::open(
            format!("{} is in use by a process of Waybill", self.place()),
            "stop it; through a pooler, name the address of the database itself",
        ))
    }

    /// Copies the rows of a table that arrive on the channel.
    pub async fn fill(
        &self,
        table: &Table,
        batches: &mut mpsc::Receiver<Result<Batch>>,
        told: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Digest> {
        let sql = format!(
            "COPY {} ({}) FROM STDIN (FORMAT binary)",
            table.name,
            names(table)
        );
        let types: Vec<Type> = table.columns.iter().map(type_of).collect();
        let sink = self.client.copy_in(&sql).await.store()?;
        let writer = BinaryCopyInWriter::new(sink, &types);
        pin_mut!(writer);
        let mut digest = Digest::default();
        loop {
            let batch = batches.recv().await;
            let batch = batch
                .ok_or_else(|| Error::unavailable("the source could not be read to its end"))??;
            for row in &batch.rows {
                digest.add(row);
                let cells = row.iter().map(as_sql);
                writer.as_mut().write_raw(cells).await.store()?;
            }
            told(digest.rows);
            if batch.last {
                break;
            }
        }
        writer.as_mut().finish().await.store()?;
        Ok(digest)
    }

    /// Reads a table back and returns its row count and digest.
    pub async fn digest(&self, table: &Table) -> Result<Digest> {
        let sql = format!("SELECT {} FROM {}", names(table), table.name);
        let none: [&(dyn ToSql + Sync); 0] = [];
        let rows = self.client.query_raw(&sql, none).await.store()?;
        pin_mut!(rows);
        let mut digest = Digest::default();
        while let Some(row) = rows.next().await {
            digest.add(&values::row(table, &row.store()?)?);
        }
        Ok(digest)
    }

    /// Writes the store's identity and sets the counters. A sequence keeps its value when the transaction is rolled
    /// back, which does no harm: a store without rows may begin at any number.
    pub async fn become_the_store(&self, state: &StoreState) -> Result<()> {
        for (key, value) in [
            ("store_id", &state.store_id),
            ("generation", &state.generation),
        ] {
            let sql = "UPDATE meta SET value = $2 WHERE key = $1";
            self.client.execute(sql, &[&key, value]).await.store()?;
        }
        // The rows of the log are copied as they are, and some may be packed.
        migrate::note_packed_log(&self.client).await?;
        migrate::note_archive(&self.client).await?;
        for (key, value) in &state.relay {
            let sql = "INSERT INTO meta (key, value) VALUES ($1, $2)";
            self.client.execute(sql, &[key, value]).await.store()?;
        }
        let sql = "INSERT INTO order_counts (deltas) VALUES ($1)";
        let counts = self.client.execute(sql, &[&state.by_status]).await;
        counts.store()?;
        let row = self
            .client
            .query_one("SELECT COALESCE(max(n), 0) FROM stock_movements", &[])
            .await
            .store()?;
        let movements: i64 = row.try_get(0).store()?;
        for (sequence, last) in [
            ("order_numbers", state.number),
            (&log::sequence(0), state.position),
            ("stock_movements_n_seq", movements),
        ] {
            // A sequence whose last number is 0 has given out none: it begins at 1.
            self.client
                .query_one(
                    "SELECT setval($1::text::regclass, greatest($2::bigint, 1), $2 > 0)",
                    &[&sequence, &last],
                )
                .await
                .store()?;
        }
        Ok(())
    }

    /// Checks the invariants over the rows that the transaction has written.
    pub async fn check(&self) -> Result<Report> {
        verify::check(&self.client).await
    }

    /// Commits the transaction.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`] when the answer is lost; any other means that nothing was committed.
    pub async fn commit(self) -> Result<()> {
        let ended = plain::commit(&self.client).await;
        ended.map_err(|error| {
            if is_of_the_statement(&error) {
                translate(error)
            } else {
                Error::OutcomeUnknown
            }
        })
    }
}

/// Whether the database holds this store: asked when the answer to COMMIT was lost. The transaction locks `meta` until
/// it is committed or rolled back, so this waits for its end, up to the statement timeout.
pub async fn holds(options: &Options, store_id: &str) -> Result<bool> {
    let (config, tls) = read_url(&options.url, options)?;
    let connected = Session::connect(&config, &tls).await;
    let client = connected.map_err(|e| unreachable(&config, e))?;
    let sql = "SELECT EXISTS (SELECT 1 FROM meta WHERE key = 'store_id' AND value = $1)";
    plain::begin_reading(&client).await?;
    let row = client.query_one(sql, &[&store_id]).await.store()?;
    row.try_get(0).store()
}

fn names(table: &Table) -> String {
    let names: Vec<&str> = table.columns.iter().map(|c| c.name).collect();
    names.join(", ")
}

fn type_of(column: &Column) -> Type {
    match column.kind {
        Kind::Small => Type::INT2,
        Kind::Int => Type::INT4,
        Kind::Big => Type::INT8,
        Kind::Bool => Type::BOOL,
        Kind::Text => Type::TEXT,
        Kind::Uuid => Type::UUID,
        Kind::Bytes => Type::BYTEA,
    }
}

fn as_sql(value: &Value) -> &(dyn ToSql + Sync) {
    match value {
        Value::Small(v) => v,
        Value::Int(v) => v,
        Value::Big(v) => v,
        Value::Bool(v) => v,
        Value::Text(v) => v,
        Value::Uuid(v) => v,
        Value::Bytes(v) => v,
    }
}
