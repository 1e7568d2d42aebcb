//! Statements sent as plain text; no other file here sends any. Statements with parameters go through
//! [`super::pipeline`].
//!
//! Invariant: no statement changes a session. Behind a pooler the session's next client, which may be accepting an
//! order, would inherit the change. Settings are made with `SET LOCAL`, which ends with its transaction, and several
//! statements in one text are one transaction. Every transaction that writes sets its own durability, because another
//! client of the session may have changed the session's. Statements have no names, so that every pooler passes them on.
//! Answers are text too; an absent value is the empty text.
#![expect(clippy::disallowed_methods, reason = "what other files must use")]

use super::errors::IntoStore;
use crate::error::Result;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// The transaction commits as the server, the database and the role are configured: DEFAULT is what the session began
/// with, not what one of its clients has set since. So an operator's `remote_apply` or `local` is kept; `off` is
/// refused when the store is opened.
macro_rules! durable {
    () => {
        "SET LOCAL synchronous_commit TO DEFAULT; "
    };
}

/// Sets timeouts that are long enough for a migration but finite.
macro_rules! patient {
    () => {
        "SET LOCAL lock_timeout = '60s'; "
    };
}

/// The text that begins a transaction that writes.
pub const BEGIN: &str = concat!("/* begin */ BEGIN; ", durable!());

/// Every row, cell by cell.
pub async fn rows(client: &Client, sql: &str) -> Result<Vec<Vec<String>>> {
    let whole = format!(concat!(patient!(), "{}"), sql);
    let messages = client.simple_query(&whole).await.store()?;
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
        crate::error::Error::damaged_row(
            "an answer that should be a number",
            format!("`{text}` to {sql}"),
        )
    })
}

/// Statements that write, in one transaction of their own; they contain no BEGIN.
pub async fn change(client: &Client, sql: &str) -> Result<()> {
    let whole = format!(concat!(durable!(), patient!(), "{}"), sql);
    client.batch_execute(&whole).await.store()
}

/// Begins a transaction that writes, with its first statements.
pub async fn begin(client: &Client, first: &str) -> Result<()> {
    let whole = format!(concat!("BEGIN; ", durable!(), patient!(), "{}"), first);
    client.batch_execute(&whole).await.store()
}

/// Begins a transaction that sees one moment and writes nothing.
pub async fn begin_reading(client: &Client) -> Result<()> {
    const TEXT: &str = concat!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ",
        patient!()
    );
    client.batch_execute(TEXT).await.store()
}

/// Runs further statements in the transaction that is open.
pub async fn go_on(client: &Client, sql: &str) -> Result<()> {
    client.batch_execute(sql).await.store()
}

pub async fn commit(client: &Client) -> std::result::Result<(), Error> {
    client.batch_execute("COMMIT").await
}

pub async fn roll_back(client: &Client) -> std::result::Result<(), Error> {
    client.batch_execute("ROLLBACK").await
}

/// Creates a database. CREATE DATABASE cannot run inside a transaction and is durable regardless of the session's
/// settings.
pub async fn create_database(client: &Client, name: &str) -> std::result::Result<(), Error> {
    let quoted = name.replace('"', "\"\"");
    let sql = format!("CREATE DATABASE \"{quoted}\"");
    client.batch_execute(&sql).await
}

/// Sends a notification without waiting for the disk or a standby: a notification may be lost, and its COMMIT holds a
/// lock of the whole database.
pub async fn notify(
    client: &Client,
    channel: &str,
    payload: &str,
) -> std::result::Result<(), Error> {
    let sql = format!(
        "/* notify::tell */ SET LOCAL synchronous_commit = off; NOTIFY {channel}, '{payload}'"
    );
    client.batch_execute(&sql).await
}

/// The step of a pipeline that begins a transaction.
pub async fn step(client: &Client, text: &str) -> std::result::Result<(), Error> {
    client.batch_execute(text).await
}

/// Runs a statement that changes the session, such as LISTEN. Only for a session that no pooler shares (see
/// [`super::sharing`]): the pooler's next client would inherit the change.
pub async fn tell_own_session(client: &Client, text: &str) -> std::result::Result<(), Error> {
    client.batch_execute(text).await
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    /// Words that change a session beyond a transaction, and the files that may contain them; those files give the
    /// reason.
    const OF_A_SESSION: [(&str, &[&str]); 10] = [
        ("\"SET ", &[]),
        ("; SET ", &[]),
        ("\"SET\"", &["connection.rs"]),
        ("set_config(", &[]),
        ("pg_advisory_lock", &[]),
        ("pg_try_advisory_lock", &[]),
        ("LISTEN ", &["notify.rs", "inspect.rs"]),
        ("CREATE TEMP", &[]),
        ("\"PREPARE ", &[]),
        ("WITH HOLD", &[]),
    ];

    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                files(&path, found);
            } else {
                found.push(path);
            }
        }
    }

    #[test]
    fn no_statement_changes_a_session_that_another_client_may_be_given() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut all = vec![];
        files(&root.join("src/postgres"), &mut all);
        files(&root.join("migrations/postgres"), &mut all);
        assert!(all.len() > 30, "{all:?}");
        for path in all {
            let name = path.file_name().expect("a file").to_string_lossy();
            if name == "plain.rs" {
                continue;
            }
            let text = fs::read_to_string(&path).expect("text");
            for (line, number) in text.lines().zip(1..) {
                // SET LOCAL is allowed everywhere.
                let line = line.replace("SET LOCAL", "");
                for (words, allowed) in OF_A_SESSION {
                    let is_there = line.contains(words) && !line.trim_start().starts_with("//");
                    assert!(
                        !is_there || allowed.contains(&&*name),
                        "{name}:{number}: `{words}` changes the session: use SET LOCAL in a transaction (postgres/plain.rs)"
                    );
                }
            }
        }
    }
}
