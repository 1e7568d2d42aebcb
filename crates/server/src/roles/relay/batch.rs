//! One batch of events: which of them are published, and what their results make of the cursor and the parked events.

use std::collections::HashSet;

use uuid::Uuid;
use waybill_broker::publisher::Published;
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::retry::RetrySchedule;
use waybill_domain::time::Time;
use waybill_store::NewParked;

use crate::consumers::newly_parked::{first_failure, queued};

/// What is done with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Publish,
    /// An earlier event of its key is parked, so it waits behind that one.
    Queue,
    /// Its order began before the relay's start.
    LeaveOut,
}

/// Events of one partition in the order of the log, each with its route.
pub struct Batch {
    events: Vec<LoggedEvent>,
    routes: Vec<Route>,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct Settled {
    /// How many events from the beginning of the batch are passed, and the position of the last one.
    pub passed: usize,
    pub to: Option<i64>,
    /// Of these, how many were confirmed.
    pub confirmed: u64,
    /// Of these, those that are parked.
    pub park: Vec<NewParked>,
    /// Why the event after them could not be published now.
    pub blocked: Option<String>,
}

impl Batch {
    /// `parked` are the keys with parked events, `old` the orders that began before the start.
    pub fn new(events: Vec<LoggedEvent>, parked: &HashSet<Uuid>, old: &HashSet<OrderId>) -> Self {
        let route = |logged: &LoggedEvent| {
            let event = &logged.event;
            if event.order_id.is_some_and(|id| old.contains(&id)) {
                Route::LeaveOut
            } else if parked.contains(&event.key()) {
                Route::Queue
            } else {
                Route::Publish
            }
        };
        Self {
            routes: events.iter().map(route).collect(),
            events,
        }
    }

    /// The events to publish, in the order of the log.
    pub fn to_publish(&self) -> impl Iterator<Item = &LoggedEvent> {
        let routed = self.events.iter().zip(&self.routes);
        routed.filter_map(|(event, route)| (*route == Route::Publish).then_some(event))
    }

    /// Passes events up to the first one that could not be published now. An event that never can be is parked with
    /// everything of its key that follows, whatever the publisher said about that.
    pub fn settle(self, results: Vec<Published>, schedule: &RetrySchedule, now: Time) -> Settled {
        let mut results = results.into_iter();
        let mut failed: HashSet<Uuid> = HashSet::new();
        let mut settled = Settled::default();
        for (event, route) in self.events.iter().zip(self.routes) {
            let key = event.event.key();
            match route {
                Route::LeaveOut => {}
                Route::Queue => settled.park.push(queued(event, now)),
                Route::Publish => match results.next() {
                    _ if failed.contains(&key) => settled.park.push(queued(event, now)),
                    Some(Published::Confirmed) => settled.confirmed += 1,
                    Some(Published::Impossible(why)) => {
                        failed.insert(key);
                        let parked = first_failure(event, why, schedule, now);
                        settled.park.push(parked);
                    }
                    Some(Published::Later(why)) => {
                        settled.blocked = Some(why);
                        break;
                    }
                    None => {
                        settled.blocked = Some("the publisher gave no result".into());
                        break;
                    }
                },
            }
            settled.passed += 1;
            settled.to = Some(event.position);
        }
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waybill_domain::context::EventMeta;
    use waybill_domain::event::{Aggregate, AggregateKind, EventKind, NewEvent, SCHEMA_VERSION};
    use waybill_domain::ids::EventId;
    use waybill_domain::text::Tenant;

    const NOW: Time = Time(1_000_000);

    /// Events at positions 10, 20, 30, …, one per key.
    fn events(keys: &[u128]) -> Vec<LoggedEvent> {
        let positions = (1..).map(|n| n * 10);
        let event = |(position, key): (i64, &u128)| LoggedEvent {
            partition: 0,
            position,
            recorded_at: NOW,
            event: NewEvent {
                id: EventId(Uuid::from_u128(position.unsigned_abs().into())),
                schema_version: SCHEMA_VERSION,
                kind: EventKind::OrderNoteAdded,
                aggregate: Aggregate {
                    kind: AggregateKind::Order,
                    id: Uuid::from_u128(*key),
                },
                seq: position,
                order_id: Some(OrderId(Uuid::from_u128(*key))),
                tenant: Tenant::default(),
                occurred_at: NOW,
                body: "{}".into(),
                meta: EventMeta::default(),
            },
        };
        positions.zip(keys).map(event).collect()
    }

    fn settled(batch: Batch, results: &[Published]) -> Settled {
        batch.settle(results.to_vec(), &RetrySchedule::default(), NOW)
    }

    fn batch(keys: &[u128], parked: &[u128], old: &[u128]) -> Batch {
        let parked = parked.iter().map(|key| Uuid::from_u128(*key)).collect();
        let old = old.iter().map(|key| OrderId(Uuid::from_u128(*key)));
        Batch::new(events(keys), &parked, &old.collect())
    }

    fn published(batch: &Batch) -> Vec<i64> {
        batch.to_publish().map(|event| event.position).collect()
    }

    /// Position and error of what is parked.
    fn parked(settled: &Settled) -> Vec<(i64, Option<&str>)> {
        let of = |p: &'_ NewParked| p.event.position;
        let parked = settled.park.iter();
        parked.map(|p| (of(p), p.error.as_deref())).collect()
    }

    use Published::{Confirmed, Impossible, Later};

    #[test]
    fn what_is_confirmed_parked_or_left_out_is_passed() {
        let batch = batch(&[1, 2, 3, 1], &[2], &[3]);
        assert_eq!(published(&batch), [10, 40]);
        let settled = settled(batch, &[Confirmed, Confirmed]);
        assert_eq!((settled.passed, settled.to), (4, Some(40)));
        assert_eq!((settled.confirmed, settled.blocked.as_deref()), (2, None));
        assert_eq!(parked(&settled), [(20, None)], "behind the parked one");
    }

    #[test]
    fn an_order_before_the_start_is_left_out_though_it_is_parked() {
        let batch = batch(&[1], &[1], &[1]);
        assert_eq!(published(&batch), [0; 0]);
        assert!(settled(batch, &[]).park.is_empty());
    }

    #[test]
    fn nothing_is_passed_from_the_first_event_that_could_not_be_published_now() {
        let results = [
            Confirmed,
            Later("busy".into()),
            Confirmed,
            Impossible("x".into()),
        ];
        let settled = settled(batch(&[1, 2, 3, 4], &[], &[]), &results);
        assert_eq!((settled.passed, settled.to), (1, Some(10)));
        assert_eq!(settled.blocked.as_deref(), Some("busy"));
        assert!(settled.park.is_empty(), "its turn comes again");
    }

    #[test]
    fn an_impossible_event_parks_what_follows_of_its_order_and_nothing_else() {
        let results = [
            Impossible("too large".into()),
            Confirmed,
            Later("behind".into()),
            Confirmed,
        ];
        let settled = settled(batch(&[1, 2, 1, 2], &[], &[]), &results);
        assert_eq!(
            (settled.passed, settled.to, settled.confirmed),
            (4, Some(40), 2)
        );
        assert_eq!(
            settled.blocked, None,
            "a refusal behind a parked event blocks nothing"
        );
        assert_eq!(parked(&settled), [(10, Some("too large")), (30, None)]);
        assert!(settled.park[0].next_attempt_at > NOW);
    }

    #[test]
    fn a_result_that_is_missing_blocks() {
        let settled = settled(batch(&[1, 2], &[], &[]), &[Confirmed]);
        assert_eq!((settled.passed, settled.to), (1, Some(10)));
        assert!(settled.blocked.is_some());
    }
}
