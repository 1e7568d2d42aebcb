//! Which process works as a consumer on which partition, and with which epoch.

use super::pipeline::{Pipeline, Sql, params};
use super::rows::{Columns, small};
use super::transaction::{Commits, Failed};
use crate::error::{Error, Result};
use crate::model::{HeldLease, Lease, LeaseView};
use tokio_postgres::types::Type;
use waybill_domain::time::Time;

static ALIVE: Sql = Sql {
    text: "/* leases::alive */ INSERT INTO members (consumer, owner, until) VALUES ($1, $2, $3) \
           ON CONFLICT (consumer, owner) DO UPDATE SET until = excluded.until",
    types: &[Type::TEXT, Type::TEXT, Type::INT8],
};

static FORGET: Sql = Sql {
    text: "/* leases::forget */ DELETE FROM members WHERE consumer = $1 AND until <= $2 AND owner <> $3",
    types: &[Type::TEXT, Type::INT8, Type::TEXT],
};

static RENEW: Sql = Sql {
    text: "/* leases::renew */ UPDATE leases SET until = $3 WHERE consumer = $1 AND owner = $2 AND until > $4",
    types: &[Type::TEXT, Type::TEXT, Type::INT8, Type::INT8],
};

static MEMBERS: Sql = Sql {
    text: "/* leases::members */ SELECT owner FROM members WHERE consumer = $1 AND until > $2 ORDER BY owner",
    types: &[Type::TEXT, Type::INT8],
};

static HELD: Sql = Sql {
    text: "/* leases::held */ SELECT part, owner, epoch, until FROM leases WHERE consumer = $1 AND until > $2 ORDER BY part",
    types: &[Type::TEXT, Type::INT8],
};

/// Records that an owner is alive, renews its leases, and returns all live owners and held leases. Each statement is a
/// transaction of its own, so that none holds its rows while it waits for those of another.
pub async fn keep_alive(
    commits: &Commits,
    consumer: &str,
    owner: &str,
    now: Time,
    until: Time,
) -> Result<LeaseView> {
    let connections = &commits.connections;
    let mut pipeline = Pipeline::new();
    pipeline.add_write(connections, &ALIVE, params![consumer, owner, until.0]);
    pipeline.add_write(connections, &FORGET, params![consumer, now.0, owner]);
    let renewed = params![consumer, owner, until.0, now.0];
    pipeline.add_write(connections, &RENEW, renewed);
    let members = pipeline.add(&MEMBERS, params![consumer, now.0]);
    let held = pipeline.add(&HELD, params![consumer, now.0]);
    let mut answers = commits.read_all(pipeline).await?;
    let mut view = LeaseView::default();
    for row in &answers.take(members) {
        view.members.push(Columns::of(row).get()?);
    }
    for row in &answers.take(held) {
        let mut c = Columns::of(row);
        view.held.push(HeldLease {
            partition: c.small("part")?,
            owner: c.get()?,
            epoch: c.get()?,
            until: c.time()?,
        });
    }
    Ok(view)
}

static TAKE: Sql = Sql {
    text: "/* leases::take */ INSERT INTO leases AS l (consumer, part, owner, epoch, until) VALUES ($1, $2, $3, 1, $4) \
           ON CONFLICT (consumer, part) DO UPDATE SET owner = excluded.owner, epoch = l.epoch + 1, until = excluded.until \
           WHERE l.until <= $5 OR l.owner = excluded.owner RETURNING epoch",
    types: &[Type::TEXT, Type::INT2, Type::TEXT, Type::INT8, Type::INT8],
};

static CURSOR: Sql = Sql {
    text: "/* leases::cursor */ INSERT INTO cursors (consumer, part, position, epoch) VALUES ($1, $2, 0, $3) \
           ON CONFLICT (consumer, part) DO UPDATE SET epoch = excluded.epoch RETURNING position",
    types: &[Type::TEXT, Type::INT2, Type::INT8],
};

/// Takes the lease with a new epoch, which fences the former owner. Returns the lease and the cursor's position. It
/// waits for the cursor's row, so that the former owner's last transaction has been committed or rolled back by then.
pub async fn take(
    commits: &Commits,
    consumer: &str,
    partition: u16,
    owner: &str,
    now: Time,
    until: Time,
) -> Result<Option<(Lease, i64)>> {
    let mut attempts = commits.attempts();
    loop {
        match attempt(commits, consumer, partition, owner, now, until).await {
            Ok(taken) => return Ok(taken),
            Err(failed) => attempts.again(failed).await?,
        }
    }
}

async fn attempt(
    commits: &Commits,
    consumer: &str,
    partition: u16,
    owner: &str,
    now: Time,
    until: Time,
) -> std::result::Result<Option<(Lease, i64)>, Failed> {
    let (open, epoch) = commits
        .begin(
            |pipeline| {
                let partition = small(partition);
                pipeline.add(&TAKE, params![consumer, partition, owner, until.0, now.0])
            },
            |answers, taken| {
                let epoch = answers
                    .take(taken)
                    .first()
                    .map(|row| Columns::of(row).get());
                epoch.transpose()
            },
        )
        .await?;
    let Some(epoch): Option<i64> = epoch else {
        commits.roll_back(open).await;
        return Ok(None);
    };
    let (open, position) = commits
        .go_on(
            open,
            |pipeline| pipeline.add(&CURSOR, params![consumer, small(partition), epoch]),
            |answers, cursor| {
                let rows = answers.take(cursor);
                let row = rows.first();
                let row =
                    row.ok_or_else(|| Error::unavailable("the database returned no cursor"))?;
                Columns::of(row).get()
            },
        )
        .await?;
    commits.commit(open, Pipeline::new(), None).await?;
    let lease = Lease {
        consumer: consumer.to_owned(),
        partition,
        epoch,
    };
    Ok(Some((lease, position)))
}

static RELEASE: Sql = Sql {
    text: "/* leases::release */ UPDATE leases SET until = 0 WHERE consumer = $1 AND part = $2 AND epoch = $3 AND owner = $4",
    types: &[Type::TEXT, Type::INT2, Type::INT8, Type::TEXT],
};

/// Ends a lease early. A lease that another owner has taken over stays as it is.
pub async fn release(commits: &Commits, lease: &Lease, owner: &str) -> Result<()> {
    let parameters = params![
        lease.consumer.as_str(),
        small(lease.partition),
        lease.epoch,
        owner
    ];
    commits.write_one(&RELEASE, parameters).await?;
    Ok(())
}

static LEAVE: Sql = Sql {
    text: "/* leases::leave */ DELETE FROM members WHERE consumer = $1 AND owner = $2",
    types: &[Type::TEXT, Type::TEXT],
};

static RELEASE_ALL: Sql = Sql {
    text: "/* leases::release_all */ UPDATE leases SET until = 0 WHERE consumer = $1 AND owner = $2",
    types: &[Type::TEXT, Type::TEXT],
};

/// Removes an owner from the members and ends all its leases.
pub async fn leave(commits: &Commits, consumer: &str, owner: &str) -> Result<()> {
    let connections = &commits.connections;
    let mut pipeline = Pipeline::new();
    pipeline.add_write(connections, &LEAVE, params![consumer, owner]);
    pipeline.add_write(connections, &RELEASE_ALL, params![consumer, owner]);
    commits.read_all(pipeline).await?;
    Ok(())
}
