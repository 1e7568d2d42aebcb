//! Checks a database beside running servers, on one snapshot.

use super::archive;
use super::connection::{Options, read_url};
use super::errors::IntoStore;
use super::log;
use super::migrate;
use super::plain;
use super::rows::Columns;
use super::session::Session;
use super::unreachable::unreachable;
use crate::error::{Error, Result};
use crate::packed;
use crate::status::Status;
use crate::verify::{Report, Side, Tables, VisitArchived, VisitEvent, VisitRow};
use async_trait::async_trait;
use futures::{StreamExt, pin_mut};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, SimpleQueryMessage};
use waybill_domain::time::Time;

/// Checks the database that `options` lead to.
///
/// # Errors
/// The database cannot be reached or read. Violated invariants are no error; the report lists them.
pub async fn open_for_verify(options: &Options) -> Result<Report> {
    let client = snapshot(options).await?;
    let report = check(&client).await?;
    plain::commit(&client).await.store()?;
    Ok(report)
}

/// Reads what is compared with another store.
///
/// # Errors
/// The database cannot be reached or read, or its schema is too old.
pub async fn side(options: &Options) -> Result<Side> {
    let client = snapshot(options).await?;
    let side = Side::read(&mut PostgresTables { client: &client }).await?;
    plain::commit(&client).await.store()?;
    Ok(side)
}

/// Reads the status of the consumers that work on the database, on one snapshot.
///
/// # Errors
/// The database cannot be reached or read.
pub async fn look(options: &Options) -> Result<Status> {
    let client = snapshot(options).await?;
    let version = plain::cell(&client, "SHOW server_version").await?;
    let Some(schema) = migrate::found(&client).await? else {
        return Err(Error::open(
            "the database has no tables of Waybill yet",
            "run `waybill migrate`",
        ));
    };
    let version = version.unwrap_or_default();
    let engine = format!("PostgreSQL {version}, schema {schema}");
    // The database's clock: all processes use it for leases.
    let now = plain::number(&client, NOW).await?;
    let mut tables = PostgresTables { client: &client };
    let status = crate::status::look(&mut tables, Time(now), engine).await?;
    plain::commit(&client).await.store()?;
    Ok(status)
}

const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// Opens a connection with a read-only transaction on one snapshot.
async fn snapshot(options: &Options) -> Result<Session> {
    let (config, tls) = read_url(&options.url, options)?;
    let client = Session::connect(&config, &tls)
        .await
        .map_err(|e| unreachable(&config, e))?;
    plain::begin_reading(&client).await?;
    Ok(client)
}

/// Checks what a connection sees in its transaction.
pub async fn check(client: &Client) -> Result<Report> {
    crate::verify::run(&mut PostgresTables { client }).await
}

struct PostgresTables<'a> {
    client: &'a Client,
}

#[async_trait]
impl Tables for PostgresTables<'_> {
    async fn rows(&mut self, sql: &str, visit: VisitRow<'_>) -> Result<()> {
        // The simple query protocol returns every cell as text, which is how cells are compared.
        let rows = self.client.simple_query_raw(sql).await.store()?;
        pin_mut!(rows);
        let mut cells: Vec<String> = vec![];
        while let Some(message) = rows.next().await {
            if let SimpleQueryMessage::Row(row) = message.store()? {
                cells.clear();
                cells.extend((0..row.len()).map(|i| row.get(i).unwrap_or_default().to_owned()));
                visit(&cells);
            }
        }
        Ok(())
    }

    async fn events(&mut self, visit: VisitEvent<'_>) -> Result<()> {
        let columns = packed::columns_of(self.schema().await?, log::COLUMNS);
        let sql = format!("SELECT {columns} FROM events ORDER BY part, position");
        // An unnamed statement, because a pooler would keep a named one in the session.
        let none: [(i64, Type); 0] = [];
        let rows = self.client.query_typed_raw(&sql, none).await.store()?;
        pin_mut!(rows);
        while let Some(row) = rows.next().await {
            for event in log::whole_row(Columns::of(&row.store()?))?.events {
                visit(event);
            }
        }
        Ok(())
    }

    async fn archived(&mut self, visit: VisitArchived<'_>) -> Result<()> {
        let sql = "SELECT n, order_id, tenant, status, version, archived_at, document FROM archived_orders ORDER BY n";
        // An unnamed statement, as above.
        let none: [(i64, Type); 0] = [];
        let rows = self.client.query_typed_raw(sql, none).await.store()?;
        pin_mut!(rows);
        while let Some(row) = rows.next().await {
            visit(archive::archived(&row.store()?));
        }
        Ok(())
    }

    async fn schema(&mut self) -> Result<i64> {
        Ok(migrate::found(self.client).await?.unwrap_or(0))
    }
}
