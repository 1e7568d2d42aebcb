//! The service whose store this is, in `meta`.

use super::pipeline::{Sql, params};
use super::rows::Columns;
use super::transaction::Commits;
use crate::error::Result;
use crate::service::{KEY, read};
use tokio_postgres::types::Type;
use waybill_domain::service::Service;

static CLAIM: Sql = Sql {
    text: "/* service::claim */ INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    types: &[Type::TEXT, Type::TEXT],
};

static RECORDED: Sql = Sql {
    text: "/* service::recorded */ SELECT value FROM meta WHERE key = $1",
    types: &[Type::TEXT],
};

/// The recorded service; a claim is recorded if there is none.
pub async fn recorded(commits: &Commits, claim: Option<Service>) -> Result<Option<Service>> {
    if let Some(claim) = claim {
        let claim = params![KEY, claim.as_str()];
        commits.write_through(&CLAIM, claim).await?;
    }
    let rows = commits.read(&RECORDED, params![KEY]).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let text: String = Columns::of(row).get()?;
    read(&text).map(Some)
}
