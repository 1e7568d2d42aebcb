//! Puts archived orders back.

use super::super::changes::Counts;
use super::super::pipeline::{Pipeline, Sql, params};
use super::super::transaction::{Commits, Failed};
use super::read::archived;
use super::statements::{OF_TABLES, add_consumed};
use crate::error::Result;
use tokio_postgres::types::Type;
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

static TAKE: Sql = Sql {
    text: "/* archive::take */ DELETE FROM archived_orders WHERE tenant = $1 AND order_id = $2 \
           RETURNING n, order_id, tenant, status, version, archived_at, document",
    types: &[Type::TEXT, Type::UUID],
};

static TOUCH: Sql = Sql {
    text: "/* archive::touch */ UPDATE orders SET updated_at = $2 WHERE id = $1",
    types: &[Type::UUID, Type::INT8],
};

/// Puts an order back, changed just now; `false` when the archive does not have it.
pub async fn unarchive(commits: &Commits, now: Time, tenant: &Tenant, id: OrderId) -> Result<bool> {
    let mut attempts = commits.attempts();
    loop {
        match put_back(commits, now, tenant, id).await {
            Ok(done) => return Ok(done),
            Err(failed) => attempts.again(failed).await?,
        }
    }
}

async fn put_back(
    commits: &Commits,
    now: Time,
    tenant: &Tenant,
    id: OrderId,
) -> std::result::Result<bool, Failed> {
    let (open, taken) = commits
        .begin(
            |pipeline| pipeline.add(&TAKE, params![tenant.as_str(), id.0]),
            |answers, taken| answers.take(taken).first().map(archived).transpose(),
        )
        .await?;
    let Some(order) = taken else {
        commits.roll_back(open).await;
        return Ok(false);
    };
    let document = order.document;
    document.refuse_unknown()?;
    let mut pipeline = Pipeline::new();
    for of in OF_TABLES.iter() {
        if let Some(rows) = document.text_of(&of.table) {
            pipeline.add(&of.put_back, params![rows]);
        }
    }
    pipeline.add(&TOUCH, params![id.0, now.0]);
    add_consumed(&mut pipeline, document.consumed()?, -1);
    let mut counts = Counts::default();
    counts.born(document.status()?);
    counts.write(&mut pipeline);
    commits.commit(open, pipeline, None).await?;
    Ok(true)
}
