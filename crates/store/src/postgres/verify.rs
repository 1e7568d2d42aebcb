//! Checks a database beside running servers, on one snapshot.

use super::connection::{Options, read_url};
use super::errors::IntoStore;
use super::log;
use super::rows::Columns;
use super::session::Session;
use super::unreachable::unreachable;
use crate::error::Result;
use crate::verify::{Report, Tables, VisitEvent, VisitRow};
use async_trait::async_trait;
use futures::{StreamExt, pin_mut};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, SimpleQueryMessage};

/// Checks the database that `options` lead to.
///
/// # Errors
/// When it cannot be had or read; what does not add up is in the report.
pub async fn open_for_verify(options: &Options) -> Result<Report> {
    let (config, tls) = read_url(&options.url, options)?;
    let client = Session::connect(&config, &tls)
        .await
        .map_err(|e| unreachable(&config, &e))?;
    client
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await
        .store()?;
    let report = check(&client).await?;
    client.batch_execute("COMMIT").await.store()?;
    Ok(report)
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
        // As plain text every cell comes the way it is compared.
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
        let sql = format!(
            "SELECT {} FROM events ORDER BY part, position",
            log::COLUMNS
        );
        let none: [&(dyn ToSql + Sync); 0] = [];
        let rows = self.client.query_raw(&sql, none).await.store()?;
        pin_mut!(rows);
        while let Some(row) = rows.next().await {
            visit(log::event(Columns::of(&row.store()?))?);
        }
        Ok(())
    }
}
