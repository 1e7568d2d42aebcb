//! Simple queries, used while a store is opened or inspected: the statements have no names, so that every pooler
//! accepts them. Answers are text; NULL is the empty text.

use super::errors::{IntoStore, corrupt};
use crate::error::Result;
use tokio_postgres::{Client, SimpleQueryMessage};

/// Every row, cell by cell.
pub async fn rows(client: &Client, sql: &str) -> Result<Vec<Vec<String>>> {
    let messages = client.simple_query(sql).await.store()?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            let cell = |i| row.get(i).unwrap_or_default().to_owned();
            Some((0..row.len()).map(cell).collect())
        }
        _ => None,
    });
    Ok(rows.collect())
}

/// The first cell of the first row, unless it is absent.
pub async fn cell(client: &Client, sql: &str) -> Result<Option<String>> {
    let first = rows(client, sql).await?.into_iter().flatten().next();
    Ok(first.filter(|text| !text.is_empty()))
}

/// The first cell of the first row, a number.
pub async fn number(client: &Client, sql: &str) -> Result<i64> {
    let text = cell(client, sql).await?.unwrap_or_default();
    let read = text.parse();
    read.map_err(|_| {
        corrupt(
            "an answer that should be a number",
            format!("`{text}` to {sql}"),
        )
    })
}
