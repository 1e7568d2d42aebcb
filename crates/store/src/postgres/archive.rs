//! The archive of finished orders.

use super::bisect::Bisection;
use super::changes::Counts;
use super::pipeline::{Pipeline, Sql, params};
use super::rows::{Columns, count};
use super::transaction::{Commits, Failed, Open};
use super::{claims, lock, values};
use crate::archive::{
    Archival, ArchivedOrder, Archiving, CANDIDATES, Consumed, Document, Key, Look, MAY_ALL_LEAVE,
    ORDER_TABLES, Passed, names,
};
use crate::error::{Error, Result};
use crate::migrations::{self, MIN_COMPATIBLE};
use crate::model::OrderRef;
use crate::moving::{Column, Table, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::ids::OrderId;
use waybill_domain::status::OrderStatus;
use waybill_domain::text::Tenant;
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

static CONSUMED: Sql = Sql {
    text: "/* archive::consumed */ INSERT INTO archived_stock (tenant, sku, vendor, units) SELECT * FROM unnest($1, $2, $3, $4) \
           ON CONFLICT (tenant, sku, vendor) DO UPDATE SET units = archived_stock.units + excluded.units",
    types: &[
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
    ],
};

/// The statements of a table with rows of an order.
struct OfTable {
    table: Table,
    /// The place of the column that says which order a row is of.
    owner: usize,
    read: Sql,
    delete: Sql,
    /// Takes the rows as JSON.
    put_back: Sql,
}

static OF_TABLES: LazyLock<Vec<OfTable>> = LazyLock::new(|| {
    let tables = ORDER_TABLES.iter();
    tables
        .map(|(table, key)| OfTable::new(*table, *key))
        .collect()
});

impl OfTable {
    fn new(table: Table, key: Key) -> Self {
        // Made once in a process: the texts of statements live as long as it does.
        let sql = |text: String, types| Sql {
            text: text.leak(),
            types,
        };
        let (name, columns, which) = (table.name, names(&table), condition(key));
        let is_owner = |column: &Column| column.name == key.column();
        let owner = table.columns.iter().position(is_owner);
        Self {
            table,
            owner: owner.expect("a table of orders has its key"),
            read: sql(
                format!("/* archive::read */ SELECT {columns} FROM {name} WHERE {which}"),
                &[Type::UUID_ARRAY],
            ),
            delete: sql(
                format!("/* archive::delete */ DELETE FROM {name} WHERE {which}"),
                &[Type::UUID_ARRAY],
            ),
            put_back: sql(
                format!(
                    "/* archive::put_back */ INSERT INTO {name} ({columns}) SELECT {columns} \
                     FROM json_populate_recordset(NULL::{name}, $1::text::json)"
                ),
                &[Type::TEXT],
            ),
        }
    }
}

/// Which rows of a table are of the orders `$1`.
fn condition(key: Key) -> &'static str {
    match key {
        Key::Id => "id = ANY($1)",
        Key::Number => "n IN (SELECT o.n FROM orders o WHERE o.id = ANY($1))",
        Key::OrderId => "order_id = ANY($1)",
        Key::OrderOfTenant => {
            "order_id = ANY($1) AND tenant IN (SELECT o.tenant FROM orders o WHERE o.id = ANY($1))"
        }
    }
}

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
    // Nobody changes these orders any more; whoever did before the locks is seen from here on.
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

/// Adds units to the sums of what has left with archived orders, or takes them off (`sign` -1).
fn add_consumed(pipeline: &mut Pipeline<'_>, consumed: Consumed, sign: i64) {
    let (mut tenants, mut skus, mut vendors, mut units) = (vec![], vec![], vec![], vec![]);
    for ((tenant, sku, vendor), of) in consumed {
        tenants.push(tenant);
        skus.push(sku);
        vendors.push(vendor);
        units.push(sign * of);
    }
    if !units.is_empty() {
        pipeline.add(&CONSUMED, params![tenants, skus, vendors, units]);
    }
}

static BY_ID: Sql = Sql {
    text: "/* archive::by_id */ SELECT n, order_id, tenant, status, version, archived_at, document FROM archived_orders WHERE tenant = $1 AND order_id = $2",
    types: &[Type::TEXT, Type::UUID],
};

static BY_NUMBER: Sql = Sql {
    text: "/* archive::by_number */ SELECT n, order_id, tenant, status, version, archived_at, document FROM archived_orders WHERE tenant = $1 AND n = $2",
    types: &[Type::TEXT, Type::INT8],
};

/// An order of the archive.
pub async fn find(
    commits: &Commits,
    tenant: &Tenant,
    by: &OrderRef,
    now: Time,
) -> Result<Option<ArchivedOrder>> {
    let id = match by {
        OrderRef::Id(id) => Some(*id),
        OrderRef::Number(number) => {
            let asked = params![tenant.as_str(), *number];
            let rows = commits.read(&BY_NUMBER, asked).await?;
            let found = rows.first().map(archived).transpose()?;
            // It is this order's number only where the caller gave it none.
            return Ok(found.filter(|order| order.caller_number().is_none()));
        }
        OrderRef::Claim { kind, hash } => {
            claims::holder(commits, tenant, *kind, *hash, now).await?
        }
    };
    let Some(id) = id else { return Ok(None) };
    let rows = commits.read(&BY_ID, params![tenant.as_str(), id.0]).await?;
    rows.first().map(archived).transpose()
}

static HAS: Sql = Sql {
    text: "/* archive::has */ SELECT 1 FROM archived_orders WHERE tenant = $1 AND order_id = $2",
    types: &[Type::TEXT, Type::UUID],
};

/// Whether the archive has an order.
pub async fn has(commits: &Commits, tenant: &Tenant, id: OrderId) -> Result<bool> {
    let rows = commits.read(&HAS, params![tenant.as_str(), id.0]).await?;
    Ok(!rows.is_empty())
}

/// Reads a row of the archive: number, id, tenant, status, version, time, document.
pub fn archived(row: &Row) -> Result<ArchivedOrder> {
    let mut c = Columns::of(row);
    let order = ArchivedOrder {
        number: c.get()?,
        id: c.order_id()?,
        tenant: Tenant::stored(c.get()?),
        status: c.get()?,
        version: c.get()?,
        archived_at: c.time()?,
        document: Document::default(),
    };
    order.read(c.get()?)
}

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
