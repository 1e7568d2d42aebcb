//! Reads a tenant's events, merged over the partitions of the log.

use super::log::{self, Found, by_part, columns, horizon};
use super::pipeline::{Pipeline, Sql, params};
use super::rows::{Columns, count, small};
use super::transaction::{Commits, Reader};
use crate::error::Result;
use crate::model::Positions;
use crate::readable::{LogPage, LogRow};
use std::collections::BTreeMap;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use waybill_domain::event::LoggedEvent;
use waybill_domain::text::Tenant;

/// A tenant's events in partitions, as the log is read. The tenant's index is not sorted by position, so the rows are scanned
/// in order instead.
static FEED: Sql = Sql {
    text: concat!(
        "/* feed::walk */ SELECT p.part, h.last, e.* FROM unnest($1, $2) AS p (part, after) ",
        horizon!(),
        "LEFT JOIN LATERAL (SELECT ",
        columns!(),
        " FROM events WHERE part = p.part AND position > p.after AND position <= h.last AND tenant || '' = $4 ORDER BY position LIMIT $5) AS e ON TRUE"
    ),
    types: &[
        Type::INT2_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8,
        Type::TEXT,
        Type::INT8,
    ],
};

/// The partitions and positions of a tenant's events, up to a limit. Sorted as the tenant's index is, so that the
/// planner must use that index.
static ALL_OF: Sql = Sql {
    text: "/* feed::all_of */ SELECT part, position FROM events WHERE tenant >= $1 AND tenant <= $1 \
           ORDER BY tenant, order_id, position LIMIT $2",
    types: &[Type::TEXT, Type::INT8],
};

/// The events at given partitions and positions, with the columns of [`FEED`].
static AT: Sql = Sql {
    text: concat!(
        "/* feed::at */ SELECT p.part, p.position, e.* FROM unnest($1, $2) AS p (part, position) \
         CROSS JOIN LATERAL (SELECT ",
        columns!(),
        " FROM events WHERE part = p.part AND position = p.position) AS e ORDER BY p.part, p.position"
    ),
    types: &[Type::INT2_ARRAY, Type::INT8_ARRAY],
};

/// A tenant's events after `after`, and the positions scanned up to. Each partition's events keep their order; events
/// of different partitions are sorted by the time they were recorded.
///
/// A tenant with few events: all of them are looked up by the tenant's name, and the result reaches to the end of the
/// log. A tenant with more: the log is scanned from `after`, at most `scan` positions.
pub async fn read(
    commits: &Commits,
    tenant: &Tenant,
    after: Positions,
    limit: usize,
    scan: usize,
) -> Result<(Vec<LoggedEvent>, Positions)> {
    let partitions = after.partitions()?;
    let few = scan / 4;
    let mut pipeline = Pipeline::new();
    let ends = pipeline.add(&log::POSITIONS, params![small(partitions)]);
    let (reader, mut answers) = commits.begin_reading(pipeline).await?;
    let ends = answers.take(ends);
    let ends = ends.iter().map(|row| Columns::from(row, 1).get());
    let ends = Positions(ends.collect::<Result<_>>()?);
    let ahead = (0..partitions).map(|partition| (ends.of(partition) - after.of(partition)).max(0));
    if ahead.sum::<i64>() > count(few) {
        let mut pipeline = Pipeline::new();
        let places = pipeline.add(&ALL_OF, params![tenant.as_str(), count(few) + 1]);
        let (reader, mut answers) = reader.go_on(pipeline).await?;
        let places = answers.take(places);
        if places.len() <= few {
            return read_at(reader, &places, after, &ends, limit).await;
        }
        return walk(reader, tenant, after, limit, scan).await;
    }
    walk(reader, tenant, after, limit, scan).await
}

/// The first `limit` events of each partition among `places`, merged; a partition without further events is reported as
/// scanned to its position in `ends`.
async fn read_at(
    reader: Reader<'_>,
    places: &[Row],
    after: Positions,
    ends: &Positions,
    limit: usize,
) -> Result<(Vec<LoggedEvent>, Positions)> {
    let mut by: BTreeMap<u16, Vec<i64>> = BTreeMap::new();
    for row in places {
        let mut c = Columns::of(row);
        let (partition, position) = (c.small("part")?, c.get()?);
        if position > after.of(partition) {
            by.entry(partition).or_default().push(position);
        }
    }
    let (mut partitions, mut positions) = (vec![], vec![]);
    for (partition, of_partition) in &mut by {
        of_partition.sort_unstable();
        of_partition.truncate(limit);
        partitions.extend(of_partition.iter().map(|_| small(*partition)));
        positions.append(of_partition);
    }
    let mut pipeline = Pipeline::new();
    let events = pipeline.add(&AT, params![partitions, positions]);
    let rows = reader.finish(pipeline).await?.take(events);
    let mut log_rows: BTreeMap<u16, Vec<LogRow>> = BTreeMap::new();
    for row in &rows {
        let partition = Columns::of(row).small("part")?;
        let of_partition = log_rows.entry(partition).or_default();
        of_partition.push(log::whole_row(Columns::from(row, 2))?);
    }
    let found = (0u16..).zip(&ends.0).map(|(partition, end)| {
        let after = after.of(partition);
        let rows = log_rows.remove(&partition).unwrap_or_default();
        let page = LogPage::of(rows.into_iter().map(Ok), after, limit, (*end).max(after))?;
        Ok((partition, Found::of(page)))
    });
    let found = found.collect::<Result<_>>()?;
    Ok(merge(found, after, limit))
}

/// Scans the log for the tenant's events: at most `scan` positions, over all partitions.
async fn walk(
    reader: Reader<'_>,
    tenant: &Tenant,
    after: Positions,
    limit: usize,
    scan: usize,
) -> Result<(Vec<LoggedEvent>, Positions)> {
    let partitions: Vec<_> = (0..after.partitions()?).map(small).collect();
    let of_each = (scan / partitions.len().max(1)).max(1);
    let mut pipeline = Pipeline::new();
    let events = pipeline.add(
        &FEED,
        params![
            partitions,
            after.0.clone(),
            count(of_each),
            tenant.as_str(),
            count(limit)
        ],
    );
    let rows = reader.finish(pipeline).await?.take(events);
    let partitions = by_part(&rows, &after, limit)?;
    Ok(merge(partitions, after, limit))
}

fn merge(
    mut partitions: BTreeMap<u16, Found>,
    mut reached: Positions,
    limit: usize,
) -> (Vec<LoggedEvent>, Positions) {
    let mut events = vec![];
    while events.len() < limit {
        let heads = partitions.values_mut().filter(|f| !f.events.is_empty());
        let Some(first) = heads.min_by_key(|f| (f.events[0].recorded_at, f.events[0].partition))
        else {
            break;
        };
        let Some(event) = first.events.pop_front() else {
            break;
        };
        reached.move_to(event.partition, event.position);
        events.push(event);
    }
    for (partition, found) in partitions {
        if found.events.is_empty() {
            reached.move_to(partition, found.reached);
        }
    }
    (events, reached)
}
