//! What is done in the transaction of a combined turn: delivery takes the events of orders, due timers move shipments, and
//! status takes the events of shipments, those that were just written included.

use std::sync::Arc;

use parking_lot::Mutex;
use waybill_broker::log_cache::LogCache;
use waybill_domain::change::{DeliveryEffect, OrderEffect};
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::successive::merged;
use waybill_domain::time::Time;
use waybill_store::{Consumed, Lease, OwnerRows, Result, Turn, TurnNeeds, TurnRows};

#[cfg(feature = "planted-defects")]
use super::defects;
use super::participant::{BatchSource, Timers};

/// Shipments that one turn makes, and timers that it fires, at most. A turn of more would keep the answers waiting that
/// are committed with it, or hold the locks of stock rows for which orders wait.
pub const MOST_SHIPMENTS: usize = 64;

/// A turn that is about to be taken.
pub struct CombinedTurn {
    pub partition: u16,
    pub events: Events,
    pub delivery: Box<dyn BatchSource<DeliveryEffect>>,
    pub status: Box<dyn BatchSource<OrderEffect>>,
    pub timers: Arc<dyn Timers>,
    pub timers_lease: Lease,
    /// Where it puts what came of it.
    pub taken: Arc<Mutex<Option<TurnOutcome>>>,
    /// The end of the log in memory when the turn was submitted.
    #[cfg(feature = "planted-defects")]
    pub log_end: i64,
}

/// Where events come from.
pub enum Events {
    /// From memory, which has the newest end of a log that this process alone writes, and otherwise from its table.
    Memory(Arc<LogCache>),
    /// They were read before the turn.
    Read {
        delivery: ReadEvents,
        status: ReadEvents,
    },
}

/// Events to take, and the position after them.
#[derive(Clone, Default)]
pub struct ReadEvents {
    pub events: Vec<LoggedEvent>,
    pub reached: i64,
    /// Whether memory did not reach back so far: then there may be more.
    pub from_table: bool,
}

/// What came of a turn.
#[derive(Default)]
pub struct TurnOutcome {
    pub delivery: ConsumerOutcome,
    pub status: ConsumerOutcome,
    /// When the next timer is due, as far as the turn has seen.
    pub next_timer: Option<Time>,
    /// Whether nothing was left that could be taken.
    pub all: bool,
    /// Whether status took events that the turn itself wrote.
    pub followed: bool,
    /// Whether stored timers were due.
    pub fired: bool,
}

/// How far a consumer came.
#[derive(Default)]
pub struct ConsumerOutcome {
    /// The position that it has passed.
    pub reached: i64,
    /// When the events that it took were recorded.
    pub recorded: Vec<Time>,
    /// What was written; `None` where no event concerned it.
    pub consumed: Option<Consumed>,
}

impl Turn for CombinedTurn {
    fn needs(&self) -> TurnNeeds {
        let mut needs = TurnNeeds {
            partition: self.partition,
            timers: self.most_shipments(),
            ..TurnNeeds::default()
        };
        if let Events::Read { delivery, status } = &self.events {
            needs.deliveries = self.delivery.needs(&delivery.events);
            let of_status = self.status.needs(&status.events);
            let mut orders: Vec<OrderId> = needs.deliveries.clone();
            orders.extend(of_status);
            orders.sort_unstable();
            orders.dedup();
            needs.orders = orders;
            needs.wanted_by_status = self.status.kinds();
            let is_whole = status.events.len() < self.status.limit();
            needs.log_end = is_whole.then_some(status.reached);
        }
        needs
    }

    fn take(&mut self, rows: &mut dyn TurnRows) -> Result<()> {
        let mut taken = TurnOutcome {
            all: true,
            ..TurnOutcome::default()
        };
        self.deliver(rows, &mut taken)?;
        self.follow(rows, &mut taken)?;
        *self.taken.lock() = Some(taken);
        Ok(())
    }
}

impl CombinedTurn {
    fn most_shipments(&self) -> usize {
        self.delivery.limit().min(MOST_SHIPMENTS)
    }

    /// Shipments: by events of orders, and by timers that are due.
    fn deliver(&self, rows: &mut dyn TurnRows, taken: &mut TurnOutcome) -> Result<()> {
        let limit = self.most_shipments();
        let read = match &self.events {
            Events::Memory(memory) => self.read(memory, rows, &*self.delivery, limit)?,
            Events::Read { delivery, .. } => delivery.clone(),
        };
        let (due, next) = rows.due_timers()?;
        taken.all &= read.events.len() < limit && due.len() < limit && !read.from_table;
        taken.next_timer = next;
        taken.delivery.reached = read.reached;
        if read.events.is_empty() && due.is_empty() {
            return Ok(());
        }
        let fires = !due.is_empty();
        taken.fired = fires;
        let without_events = read.events.is_empty();
        taken.delivery.recorded = recorded(&read.events);
        let batch = self.delivery.of(read.events.into(), read.reached);
        let keys = batch.order_ids();
        let known = delivery(rows).known(batch.consumer(), &batch.needs(), keys)?;
        let mut decided = batch.decide(&known);
        let next = self.timers.add_steps(due, &mut decided.changes);
        taken.next_timer = earlier(taken.next_timer, next);
        decided.changes = merged(decided.changes);
        if without_events {
            return rows.fire(&self.timers_lease, decided.changes);
        }
        if fires {
            // The timers have a lease of their own, which must still be held.
            rows.fire(&self.timers_lease, vec![])?;
        }
        taken.delivery.consumed = Some(Consumed::of(&decided));
        delivery(rows).write(decided)
    }

    /// Orders follow their shipments.
    fn follow(&self, rows: &mut dyn TurnRows, taken: &mut TurnOutcome) -> Result<()> {
        let limit = self.status.limit();
        let mut read = match &self.events {
            Events::Memory(memory) => self.read(memory, rows, &*self.status, limit)?,
            Events::Read { status, .. } => status.clone(),
        };
        #[cfg(feature = "planted-defects")]
        defects::pass_over(&mut read.events, self.log_end);
        taken.all &= read.events.len() < limit && !read.from_table;
        taken.status.reached = read.reached;
        if let Events::Read { .. } = &self.events {
            add_appended(&mut read, rows, &*self.status, usize::MAX);
        }
        if read.events.is_empty() {
            return Ok(());
        }
        taken.followed = read.reached != taken.status.reached;
        taken.status.reached = read.reached;
        taken.status.recorded = recorded(&read.events);
        let batch = self.status.of(read.events.into(), read.reached);
        let known = orders(rows).known(batch.consumer(), &batch.needs(), batch.order_ids())?;
        let decided = batch.decide(&known);
        taken.status.consumed = Some(Consumed::of(&decided));
        orders(rows).write(decided)
    }

    /// Events after a consumer's cursor: committed ones, and behind the last of those, what this transaction appends.
    fn read<E>(
        &self,
        memory: &LogCache,
        rows: &dyn TurnRows,
        source: &dyn BatchSource<E>,
        limit: usize,
    ) -> Result<ReadEvents> {
        let (after, kinds) = (source.cursor(), source.kinds());
        let remembered = memory.read(after, limit, kinds);
        let from_table = remembered.is_none();
        let (events, reached) = match remembered {
            Some(read) => read,
            None => rows.read_log(after, limit, kinds)?,
        };
        let mut read = ReadEvents {
            events,
            reached,
            from_table,
        };
        add_appended(&mut read, rows, source, limit);
        Ok(read)
    }
}

/// Adds the events that this transaction appends, if what was read reaches up to them: then the cursor passes nothing
/// that was not looked at.
fn add_appended<E>(
    read: &mut ReadEvents,
    rows: &dyn TurnRows,
    source: &dyn BatchSource<E>,
    limit: usize,
) {
    let appended = rows.appended();
    if appended
        .first()
        .is_none_or(|e| e.position != read.reached + 1)
    {
        return;
    }
    for event in appended {
        if read.events.len() >= limit {
            break;
        }
        read.reached = event.position;
        if source.kinds().contains(&event.event.kind) {
            read.events.push(event.clone());
        }
    }
}

fn delivery(rows: &mut dyn TurnRows) -> &mut dyn OwnerRows<DeliveryEffect> {
    rows
}

fn orders(rows: &mut dyn TurnRows) -> &mut dyn OwnerRows<OrderEffect> {
    rows
}

fn recorded(events: &[LoggedEvent]) -> Vec<Time> {
    events.iter().map(|event| event.recorded_at).collect()
}

fn earlier(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    [one, other].into_iter().flatten().min()
}
