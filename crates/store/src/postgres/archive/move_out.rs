//! Moves finished orders into the archive.

use super::super::bisect::Bisection;
use super::super::changes::Counts;
use super::super::pipeline::{Pipeline, Sql, params};
use super::super::rows::{Columns, count};
use super::super::transaction::{Commits, Failed, Open};
use super::super::{lock, values};
use super::statements::{OF_TABLES, add_consumed};
use crate::archive::{
    Archival, Archiving, CANDIDATES, Consumed, Document, Look, MAY_ALL_LEAVE, Passed,
};
use crate::error::{Error, Result};
use crate::migrations::{self, MIN_COMPATIBLE};
use crate::moving::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::ids::OrderId;
use waybill_domain::status::OrderStatus;
use waybill_domain::time::Time;

static LOOK: LazyLock<Sql> = LazyLock::new(|| Sql {
    text: CANDIDATES.as_str(),
    types: &[Type::INT8, Type::INT8, Type::INT8],
});

static STILL: LazyLock<Sql> = LazyLock::new(|| Sql {
    text: MAY_ALL_LEAVE.as_str(),
    types: &[Type::INT8, Type::UUID_ARRAY],
});

/// The shipments of orders: locked before the orders, as a turn does.
static SHIPMENTS: Sql = Sql {
    text: "/* archive::shipments */ SELECT id FROM shipments WHERE order_id = ANY($1) ORDER BY id FOR NO KEY UPDATE",
    types: &[Type::UUID_ARRAY],
};

static STORE: Sql = Sql {
    text: "/* archive::store */ INSERT INTO archived_orders (n, order_id, tenant, status, version, part, last_position, document, archived_at) \
           SELECT a.*, $9 FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) AS a",
    types: &[
        Type::INT8_ARRAY,
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT2_ARRAY,
        Type::INT8_ARRAY,
        Type::BYTEA_ARRAY,
        Type::INT8,
    ],
};

static NOTED: Sql = Sql {
    text: "/* archive::noted */ SELECT value FROM meta WHERE key = $1",
    types: &[Type::TEXT],
};

/// Only over the note that was read: a migration may have written another one.
static NOTE: Sql = Sql {
    text: "/* archive::note */ UPDATE meta SET value = $3 WHERE key = $1 AND value = $2",
    types: &[Type::TEXT, Type::TEXT, Type::TEXT],
};

/// Moves orders into the archive, of those after a number.
pub async fn archive(commits: &Commits, now: Time, which: Archiving) -> Result<Archival> {
    let (ids, reached) = look(commits, which).await?;
    let units: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let mut bisection = Bisection::of(&units);
    while let Some(piece) = bisection.next() {
        let moved = move_out(commits, now, which.before, piece).await;
        bisection.tried(piece, moved)?;
    }
    Ok(Archival::of(&ids, bisection.results(), reached))
}

/// Looks at the next orders: those that may leave, and the number that the next look goes on after.
async fn look(commits: &Commits, which: Archiving) -> Result<(Vec<OrderId>, Option<i64>)> {
    let mut look = Look::new(which);
    let asked = params![which.before.0, which.after, count(look.scan())];
    for row in &commits.read(&LOOK, asked).await? {
        let mut c = Columns::of(row);
        let passed = Passed {
            number: c.get()?,
            id: c.order_id()?,
            too_young: c.get()?,
            leaves: c.get()?,
        };
        if !look.pass(passed) {
            break;
        }
    }
    Ok(look.end())
}

/// Moves these orders in one transaction; one result each, whether it left.
async fn move_out(
    commits: &Commits,
    now: Time,
    before: Time,
    ids: &[Uuid],
) -> Result<Vec<Result<bool>>> {
    let mut attempts = commits.attempts();
    loop {
        match attempt(commits, now, before, ids).await {
            Ok(left) => return Ok(ids.iter().map(|id| Ok(left.contains(id))).collect()),
            Err(failed) => attempts.again(failed).await?,
        }
    }
}

/// An order on its way into the archive.
struct Leaving {
    number: i64,
    id: Uuid,
    tenant: String,
    status: OrderStatus,
    document: Document,
}

/// Moves those of these orders that may still leave; returns them.
async fn attempt(
    commits: &Commits,
    now: Time,
    before: Time,
    ids: &[Uuid],
) -> std::result::Result<Vec<Uuid>, Failed> {
    let (open, ()) = commits
        .begin(
            |pipeline| {
                pipeline.add(&lock::DELIVERIES, params![ids.to_vec()]);
                pipeline.add(&SHIPMENTS, params![ids.to_vec()]);
                pipeline.add(&lock::ORDERS, params![ids.to_vec()]);
                pipeline.add(&lock::RESERVATIONS, params![ids.to_vec()]);
            },
            |_, ()| Ok(()),
        )
        .await?;
    // These orders cannot change any more, and what was changed before the locks is seen from here on.
    let (open, (mut leaving, noted)) = commits
        .go_on(
            open,
            |pipeline| {
                let still = pipeline.add(&STILL, params![before.0, ids.to_vec()]);
                (still, pipeline.add(&NOTED, params![MIN_COMPATIBLE]))
            },
            |answers, (still, noted)| {
                let noted = answers.take(noted);
                let noted = noted.first().map(|row| Columns::of(row).get::<String>());
                let still = answers.take(still);
                let leaving = still.iter().map(leaving_of).collect::<Result<Vec<_>>>()?;
                Ok((leaving, noted.transpose()?))
            },
        )
        .await?;
    if leaving.is_empty() {
        commits.roll_back(open).await;
        return Ok(vec![]);
    }
    let (open, rows) = read_rows(commits, open, &mut leaving).await?;
    let open = delete_rows(commits, open, &leaving, rows).await?;
    let mut pipeline = Pipeline::new();
    store(&mut pipeline, &leaving, now)?;
    if let (Some(noted), Some(note)) = (&noted, migrations::archive_note(noted.as_deref())) {
        pipeline.add(&NOTE, params![MIN_COMPATIBLE, noted.clone(), note]);
    }
    commits.commit(open, pipeline, None).await?;
    Ok(ids_of(&leaving))
}

fn leaving_of(row: &Row) -> Result<Leaving> {
    let mut c = Columns::of(row);
    Ok(Leaving {
        number: c.get()?,
        id: c.uuid()?,
        tenant: c.get()?,
        status: c.text("order status", OrderStatus::parse)?,
        document: Document {
            schema: migrations::known(),
            ..Document::default()
        },
    })
}

fn ids_of(leaving: &[Leaving]) -> Vec<Uuid> {
    leaving.iter().map(|order| order.id).collect()
}

/// Reads the rows of the orders into their documents; returns how many each table has.
async fn read_rows(
    commits: &Commits,
    open: Open,
    leaving: &mut [Leaving],
) -> std::result::Result<(Open, Vec<usize>), Failed> {
    let ids = ids_of(leaving);
    let places = leaving.iter().enumerate();
    let places: BTreeMap<Owner, usize> = places
        .flat_map(|(at, order)| [(Owner::Id(order.id), at), (Owner::Number(order.number), at)])
        .collect();
    commits
        .go_on(
            open,
            |pipeline| {
                let tables = OF_TABLES.iter();
                let asked = tables.map(|of| pipeline.add(&of.read, params![ids.clone()]));
                asked.collect::<Vec<_>>()
            },
            |answers, asked| {
                let mut counts = vec![];
                for (of, asked) in OF_TABLES.iter().zip(asked) {
                    let rows = answers.take(asked);
                    counts.push(rows.len());
                    for row in &rows {
                        let cells = values::row(&of.table, row)?;
                        let place = Owner::of(&cells[of.owner]).and_then(|o| places.get(&o));
                        let place = place.ok_or_else(|| {
                            Error::damaged_row(of.table.name, "a row of another order was read")
                        })?;
                        leaving[*place].document.add(&of.table, &cells);
                    }
                }
                Ok(counts)
            },
        )
        .await
}

/// What names the order of a row.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Id(Uuid),
    Number(i64),
}

impl Owner {
    fn of(cell: &Value) -> Option<Self> {
        match cell {
            Value::Uuid(id) => id.map(Self::Id),
            Value::Big(number) => number.map(Self::Number),
            Value::Small(_) | Value::Int(_) | Value::Bool(_) | Value::Text(_) | Value::Bytes(_) => {
                None
            }
        }
    }
}

/// Deletes the rows that were read. If it were others, an order would leave with rows that its document does not have.
async fn delete_rows(
    commits: &Commits,
    open: Open,
    leaving: &[Leaving],
    read: Vec<usize>,
) -> std::result::Result<Open, Failed> {
    let ids = ids_of(leaving);
    let (open, ()) = commits
        .go_on(
            open,
            |pipeline| {
                let tables = OF_TABLES.iter();
                let asked = tables.map(|of| pipeline.add_counted(&of.delete, params![ids.clone()]));
                asked.collect::<Vec<_>>()
            },
            |answers, deleted| {
                for (deleted, read) in deleted.into_iter().zip(read) {
                    if usize::try_from(answers.take(deleted)) != Ok(read) {
                        return Err(Error::Conflict { what: "order" });
                    }
                }
                Ok(())
            },
        )
        .await?;
    Ok(open)
}

/// Writes the documents, the units that leave, and the counts.
fn store(pipeline: &mut Pipeline<'_>, leaving: &[Leaving], now: Time) -> Result<()> {
    let (mut consumed, mut counts) = (Consumed::new(), Counts::default());
    let (mut versions, mut partitions, mut positions) = (vec![], vec![], vec![]);
    let mut documents = vec![];
    for Leaving {
        status, document, ..
    } in leaving
    {
        for (row, units) in document.consumed()? {
            *consumed.entry(row).or_default() += units;
        }
        counts.left(*status);
        versions.push(document.number("version")?);
        partitions.push(partition_of(document)?);
        positions.push(document.last_position()?);
        documents.push(document.encode()?);
    }
    let numbers: Vec<i64> = leaving.iter().map(|order| order.number).collect();
    let tenants: Vec<String> = leaving.iter().map(|order| order.tenant.clone()).collect();
    let statuses = leaving.iter().map(|order| order.status.as_str());
    let statuses: Vec<&'static str> = statuses.collect();
    let ids = ids_of(leaving);
    pipeline.add(
        &STORE,
        params![
            numbers, ids, tenants, statuses, versions, partitions, positions, documents, now.0
        ],
    );
    add_consumed(pipeline, consumed, 1);
    counts.write(pipeline);
    Ok(())
}

fn partition_of(document: &Document) -> Result<i16> {
    let partition = document.number("part")?;
    i16::try_from(partition).map_err(|error| {
        Error::damaged_row("an order", format!("its part is {partition}")).because(error)
    })
}
