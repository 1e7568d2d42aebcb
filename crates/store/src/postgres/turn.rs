//! A turn of delivery, its timers and status in one transaction: everything it may ask for is read first, it decides in
//! memory, and what it has decided is written under the guards of all three. Four round trips, where each of up to six
//! batches would take as many.

use super::changes::{self, Locked, OwnedRows as _, Wanted};
use super::commit_status::CommitMarker;
#[cfg(feature = "planted-defects")]
use super::defects;
use super::due::Looks;
use super::errors::is_null_refused;
use super::fence::{Fence, fence, fenced};
use super::lock;
use super::pipeline::{Answers, Handle, Pipeline, Rows as Answered, Sql, params};
use super::rows::{Columns, count, small};
use super::shared::Shared;
use super::transaction::Failed;
use super::{apply, log, parked, shipments};
use crate::caught::caught;
use crate::consume::Known;
use crate::error::{Error, Result};
use crate::model::{ConsumerBatch, DeliveryOf, DueTimers, Lease};
use crate::packed;
use crate::traits::Effect;
use crate::turn::{OwnerRows, Turn, TurnNeeds, TurnRows};
use std::collections::{BTreeSet, HashMap};
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::change::{Change, DeliveryEffect, OrderEffect};
use waybill_domain::event::{EventKind, LoggedEvent, NewEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::order::Order;
use waybill_domain::time::Time;

/// Takes a turn. Returns by how much further status' cursor is than the turn put it.
pub async fn take(shared: &Shared, looks: &Looks, mut turn: Box<dyn Turn>) -> Result<i64> {
    let needs = turn.needs();
    let (partition, log_end) = (needs.partition, needs.log_end);
    let kinds = needs.wanted_by_status;
    let mut rows = Rows::read(shared, looks, needs).await?;
    let written = caught(|| turn.take(&mut rows).map(|()| rows.written)).flatten()?;
    if written.is_empty() {
        return Ok(0);
    }
    let attempt = Attempt {
        shared,
        written: &written,
        partition,
        log_end,
        kinds,
    };
    let mut attempts = shared.commits.attempts();
    let moved = loop {
        match attempt.run().await {
            Ok(moved) => break Ok(moved),
            Err(Failed::Error(error @ Error::OutcomeUnknown)) => break Err(error),
            Err(failed) => attempts.again(failed).await?,
        }
    };
    // Also where the outcome is unknown: the events may be there.
    shared.grown(partition);
    moved
}

/// What a turn has decided.
#[derive(Default)]
struct Written {
    delivery: Option<ConsumerBatch<DeliveryEffect>>,
    /// The timers' lease, and the changes that belong to no batch.
    fired: Option<(Lease, Vec<Change<DeliveryEffect>>)>,
    status: Option<ConsumerBatch<OrderEffect>>,
    /// Of each consumer, the orders whose events are in its batch. None of them may be parked, also if its event has no
    /// effect: it would pass the parked one.
    keys: HashMap<String, BTreeSet<Uuid>>,
}

impl Written {
    fn is_empty(&self) -> bool {
        self.delivery.is_none() && self.fired.is_none() && self.status.is_none()
    }

    /// The changes of delivery's side.
    fn deliveries(&self) -> Vec<&Change<DeliveryEffect>> {
        let fired = self.fired.iter().flat_map(|(_, changes)| changes);
        let batch = self.delivery.iter().flat_map(|batch| &batch.changes);
        fired.chain(batch).collect()
    }

    /// The changes of the order's side.
    fn orders(&self) -> Vec<&Change<OrderEffect>> {
        self.status
            .iter()
            .flat_map(|batch| &batch.changes)
            .collect()
    }
}

/// The rows that were read for a turn, and what it writes.
struct Rows {
    now: Time,
    deliveries: HashMap<OrderId, DeliveryOf>,
    orders: HashMap<OrderId, Order>,
    asked_for: BTreeSet<OrderId>,
    due: DueTimers,
    /// The position of the next event that is appended, as the turn sees it. Where the turn has not seen the end of the
    /// log, no event that it appends follows what it has read.
    next: i64,
    appended: Vec<LoggedEvent>,
    written: Written,
}

/// A position that follows none that a turn has read.
const APART: i64 = i64::MAX / 2;

impl Rows {
    async fn read(shared: &Shared, looks: &Looks, needs: TurnNeeds) -> Result<Self> {
        let commits = &shared.commits;
        let now = (shared.now)();
        let (deliveries, due) = tokio::try_join!(
            async {
                if needs.deliveries.is_empty() {
                    return Ok(vec![]);
                }
                shipments::deliveries(commits, &needs.deliveries).await
            },
            shipments::due_timers(commits, looks, needs.partition, now, needs.timers)
        )?;
        let mut asked_for: BTreeSet<OrderId> = needs.orders.into_iter().collect();
        asked_for.extend(due.0.iter().map(|(timer, _)| timer.order_id));
        let ids: Vec<OrderId> = asked_for.iter().copied().collect();
        let orders = if ids.is_empty() {
            vec![]
        } else {
            OrderEffect::load(commits, &ids).await?
        };
        Ok(Self {
            now,
            deliveries: deliveries.into_iter().map(|of| (of.0, of)).collect(),
            orders: orders.into_iter().map(|order| (order.id, order)).collect(),
            asked_for,
            due,
            next: needs.log_end.map_or(APART, |end| end + 1),
            appended: vec![],
            written: Written::default(),
        })
    }

    fn note_keys(&mut self, consumer: &str, keys: Vec<OrderId>) {
        let noted = self.written.keys.entry(consumer.to_owned()).or_default();
        noted.extend(keys.into_iter().map(|key| key.0));
    }

    fn append<E>(&mut self, changes: &[Change<E>]) {
        for change in changes {
            for event in &change.events {
                self.appended.push(LoggedEvent {
                    partition: change.partition,
                    position: self.next,
                    recorded_at: self.now,
                    event: event.clone(),
                });
                self.next += 1;
            }
        }
    }
}

/// The answer where a turn asks for a row that was not read for it, which then is decided on without the turn.
fn not_read() -> Error {
    Error::Conflict {
        what: "an order that was not read for a turn",
    }
}

impl OwnerRows<DeliveryEffect> for Rows {
    fn known(
        &mut self,
        consumer: &str,
        needs: &[OrderId],
        keys: Vec<OrderId>,
    ) -> Result<Known<DeliveryEffect>> {
        self.note_keys(consumer, keys);
        let found = needs.iter().map(|id| self.deliveries.get(id).cloned());
        Ok(Known {
            rows: found.collect::<Option<_>>().ok_or_else(not_read)?,
            // A parked order makes the transaction fail, and its events are taken without a turn.
            parked: vec![],
        })
    }

    fn write(&mut self, batch: ConsumerBatch<DeliveryEffect>) -> Result<()> {
        self.append(&batch.changes);
        self.written.delivery = Some(batch);
        Ok(())
    }
}

impl OwnerRows<OrderEffect> for Rows {
    fn known(
        &mut self,
        consumer: &str,
        needs: &[OrderId],
        keys: Vec<OrderId>,
    ) -> Result<Known<OrderEffect>> {
        self.note_keys(consumer, keys);
        if !needs.iter().all(|id| self.asked_for.contains(id)) {
            return Err(not_read());
        }
        let found = needs.iter().filter_map(|id| self.orders.get(id).cloned());
        Ok(Known {
            rows: found.collect(),
            parked: vec![],
        })
    }

    fn write(&mut self, batch: ConsumerBatch<OrderEffect>) -> Result<()> {
        // An event is parked with its position, which only one that was read has.
        let first = self.appended.first().map_or(self.next, |e| e.position);
        if batch.park.iter().any(|e| e.event.position >= first) {
            return Err(Error::Conflict {
                what: "an event that has no position yet",
            });
        }
        self.append(&batch.changes);
        self.written.status = Some(batch);
        Ok(())
    }
}

impl TurnRows for Rows {
    fn appended(&self) -> &[LoggedEvent] {
        &self.appended
    }

    fn read_log(&self, _: i64, _: usize, _: &[EventKind]) -> Result<(Vec<LoggedEvent>, i64)> {
        Err(not_read())
    }

    fn due_timers(&self) -> Result<DueTimers> {
        Ok(self.due.clone())
    }

    fn fire(&mut self, lease: &Lease, changes: Vec<Change<DeliveryEffect>>) -> Result<()> {
        self.append(&changes);
        self.written.fired = Some((lease.clone(), changes));
        Ok(())
    }
}

/// Moves status' cursor past the events that this transaction has just appended. If another process appended an event
/// that status wants in between, or one of a kind that this version does not know, the position becomes null, which the
/// table does not take: nothing is committed.
static FOLLOW: Sql = Sql {
    text: "/* turn::follow */ UPDATE cursors SET position = CASE WHEN EXISTS (SELECT FROM events WHERE part = $2 AND position > $3 \
           AND position <= currval($4::regclass) - $5 \
           AND CASE WHEN packed IS NULL THEN type = ANY($6) OR type <> ALL($7) ELSE COALESCE(kinds, -1) & $8 <> 0 END) THEN NULL ELSE currval($4::regclass) END \
           WHERE consumer = $1 AND part = $2 RETURNING position",
    types: &[
        Type::TEXT,
        Type::INT2,
        Type::INT8,
        Type::OID,
        Type::INT8,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8,
    ],
};

/// The pending locks of a consumer: its cursor, and the parked events of the orders in its batch.
struct Cursor<'p> {
    lease: &'p Lease,
    from: i64,
    fence: Fence<'p>,
    parked: Handle<Answered>,
}

impl<'p> Cursor<'p> {
    /// Adds the lock of the parked events; that of the cursor, `fence`, was added before, in the order of `lock.rs`.
    fn parked_after<E: Effect>(
        fence: Fence<'p>,
        batch: &'p ConsumerBatch<E>,
        written: &Written,
        pipeline: &mut Pipeline<'p>,
    ) -> Self {
        let consumer = batch.lease.consumer.as_str();
        let keys = written.keys.get(consumer).into_iter().flatten();
        let keys: Vec<Uuid> = keys.copied().collect();
        Self {
            lease: &batch.lease,
            from: batch.from,
            fence,
            parked: pipeline.add(&lock::PARKED, params![consumer, keys]),
        }
    }

    fn check(self, answers: &mut Answers) -> Result<()> {
        let position = self.fence.position(answers)?;
        #[cfg(feature = "planted-defects")]
        let position = if defects::unfenced() {
            self.from
        } else {
            position
        };
        if position != self.from {
            return Err(fenced(self.lease));
        }
        if !answers.take(self.parked).is_empty() {
            return Err(Error::Conflict {
                what: "a parked order",
            });
        }
        Ok(())
    }
}

/// A turn that is written in one transaction.
struct Attempt<'a> {
    shared: &'a Shared,
    written: &'a Written,
    partition: u16,
    log_end: Option<i64>,
    /// The kinds of events that status wants.
    kinds: &'static [EventKind],
}

impl Attempt<'_> {
    async fn run(&self) -> std::result::Result<i64, Failed> {
        let (commits, written) = (&self.shared.commits, self.written);
        let now = (self.shared.now)();
        let (deliveries, orders) = (written.deliveries(), written.orders());
        let of_deliveries = Wanted::of(deliveries.iter().copied());
        let of_orders = Wanted::of(orders.iter().copied());
        let (open, (delivered, followed)) = commits
            .begin(
                |pipeline| {
                    let cursors = self.lock_cursors(pipeline);
                    let deliveries = of_deliveries.lock(pipeline, now);
                    (cursors, deliveries, of_orders.lock(pipeline, now))
                },
                |answers, ((cursors, fired), of_deliveries, of_orders)| {
                    for cursor in cursors {
                        cursor.check(answers)?;
                    }
                    fired.map_or(Ok(0), |fence| fence.position(answers))?;
                    let delivered = Locked::<DeliveryEffect>::read(of_deliveries, answers)?;
                    let followed = Locked::<OrderEffect>::read(of_orders, answers)?;
                    let delivered = delivered.with(deliveries.iter().copied())?;
                    Ok((delivered, followed.with(orders.iter().copied())?))
                },
            )
            .await?;
        let mut pipeline = Pipeline::new();
        changes::write(&mut pipeline, &deliveries, &delivered);
        changes::write(&mut pipeline, &orders, &followed);
        let events = deliveries.iter().flat_map(|change| &change.events);
        let mut events: Vec<&NewEvent> = events.collect();
        events.extend(orders.iter().flat_map(|change| &change.events));
        let log_end = self.shared.log_end(self.partition);
        let (open, log_end) = commits.unless_refused(open, log_end).await?;
        let end = self.finish(&mut pipeline, &events, log_end, now);
        let mark = CommitMarker::of(self.partition, &events);
        let answered = commits.commit_answered(open, pipeline, mark).await;
        let answers = answered.map_err(|failed| match failed {
            Failed::Error(error) if is_null_refused(&error) => Failed::Error(Error::Conflict {
                what: "an event that status has not taken",
            }),
            other => other,
        })?;
        self.shared.listener.appended(&events);
        Ok(self.moved(answers, end).await?)
    }

    /// Adds the locks of the cursors, then those of the parked events, each class in the order of the consumers' names.
    fn lock_cursors<'p>(
        &'p self,
        pipeline: &mut Pipeline<'p>,
    ) -> (Vec<Cursor<'p>>, Option<Fence<'p>>) {
        let written = self.written;
        let delivery = written.delivery.as_ref();
        let delivery = delivery.map(|batch| (fence(pipeline, &batch.lease), batch));
        let fired = written.fired.as_ref();
        let fired = fired.map(|(lease, _)| fence(pipeline, lease));
        let status = written.status.as_ref();
        let status = status.map(|batch| (fence(pipeline, &batch.lease), batch));
        let delivery = delivery.map(|(f, b)| Cursor::parked_after(f, b, written, pipeline));
        let status = status.map(|(f, b)| Cursor::parked_after(f, b, written, pipeline));
        (delivery.into_iter().chain(status).collect(), fired)
    }

    /// Adds what comes last: parked events, the cursors, and the log. Returns the pending position of status' cursor
    /// where that goes past events of this transaction, and where the turn has put it.
    fn finish<'p>(
        &'p self,
        pipeline: &mut Pipeline<'p>,
        events: &[&'p NewEvent],
        log_end: log::End,
        now: Time,
    ) -> Option<(Handle<Answered>, i64)> {
        let partition = self.partition;
        if let Some(batch) = &self.written.delivery {
            let consumer = batch.lease.consumer.as_str();
            parked::park(pipeline, consumer, partition, &batch.park, now);
            pipeline.add(&apply::MOVE, params![consumer, small(partition), batch.to]);
        }
        let Some(batch) = &self.written.status else {
            log::append(pipeline, log_end, now, events);
            return None;
        };
        let consumer = batch.lease.consumer.as_str();
        parked::park(pipeline, consumer, partition, &batch.park, now);
        log::append(pipeline, log_end, now, events);
        let Some(end) = self.log_end.filter(|end| batch.to > *end) else {
            pipeline.add(&apply::MOVE, params![consumer, small(partition), batch.to]);
            return None;
        };
        let wanted = packed::WantedKinds::of(self.kinds);
        let words =
            |kinds: &[EventKind]| -> Vec<&str> { kinds.iter().map(|k| k.as_str()).collect() };
        let parameters = params![
            consumer,
            small(partition),
            end,
            log_end.sequence,
            count(events.len()),
            words(self.kinds),
            words(EventKind::ALL),
            wanted.or_unknown()
        ];
        let follow = &FOLLOW;
        #[cfg(feature = "planted-defects")]
        let follow = if defects::passes_over_others() {
            &defects::FOLLOW
        } else {
            follow
        };
        Some((pipeline.add(follow, parameters), batch.to))
    }

    /// By how much further status' cursor is than the turn put it.
    async fn moved(
        &self,
        answers: Option<Answers>,
        end: Option<(Handle<Answered>, i64)>,
    ) -> Result<i64> {
        let (Some((cursor, put)), Some(status)) = (end, &self.written.status) else {
            return Ok(0);
        };
        let at = match answers {
            Some(mut answers) => position(&answers.take(cursor)),
            // It was committed, but the answer was lost.
            None => {
                let consumer = status.lease.consumer.as_str();
                let parameters = params![consumer, small(self.partition)];
                let found = self.shared.commits.read(&POSITION, parameters).await;
                found.and_then(|rows| position(&rows))
            }
        };
        // The turn is written; a caller that does not learn where the cursor is takes its lease again.
        Ok(at.map_err(|_| Error::OutcomeUnknown)? - put)
    }
}

static POSITION: Sql = Sql {
    text: "/* turn::position */ SELECT position FROM cursors WHERE consumer = $1 AND part = $2",
    types: &[Type::TEXT, Type::INT2],
};

fn position(rows: &[tokio_postgres::Row]) -> Result<i64> {
    let row = rows.first();
    let row = row.ok_or_else(|| Error::unavailable("a consumer has no cursor"))?;
    Columns::of(row).get()
}
