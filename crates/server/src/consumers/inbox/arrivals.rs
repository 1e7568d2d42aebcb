//! Sorts messages of one source by what is known of their aggregates: which are the next ones, which came before, and
//! which must wait for others.

use std::collections::{BTreeMap, HashMap};

use waybill_broker::message::Message;
use waybill_broker::receiver::Received;
use waybill_domain::event::Aggregate;
use waybill_domain::inbox::{Arrival, Watermark, arrival};
use waybill_store::Advance;

/// A message that is the next one of its aggregate.
#[derive(Clone, Copy, Debug)]
pub struct Fresh<'m> {
    pub message: &'m Message,
    pub advance: Advance,
}

/// Messages as they are sorted.
#[derive(Debug)]
pub struct Arrivals<'m> {
    pub fresh: Vec<Fresh<'m>>,
    /// One per message, for when the fresh ones have been written.
    pub results: Vec<Received>,
}

impl<'m> Arrivals<'m> {
    /// Sorts messages that were written in the source's generation of this number.
    pub fn sort(
        messages: &'m [Message],
        generation: i64,
        seen: Vec<(Aggregate, Watermark)>,
    ) -> Self {
        let mut seen: HashMap<Aggregate, Watermark> = seen.into_iter().collect();
        let mut sorted = Self {
            fresh: vec![],
            results: vec![],
        };
        for message in messages {
            let event = &message.event.event;
            let from = seen.get(&event.aggregate).copied();
            let to = Watermark {
                generation,
                seq: event.seq,
            };
            sorted.results.push(match arrival(from, to) {
                Arrival::Duplicate => Received::Taken,
                Arrival::Gap { missing } => Received::Later(format!(
                    "event {} of {:?} has not come yet, {} has to wait for it",
                    missing, event.aggregate, event.seq
                )),
                Arrival::Next => {
                    seen.insert(event.aggregate, to);
                    let aggregate = event.aggregate;
                    sorted.fresh.push(Fresh {
                        message,
                        advance: Advance {
                            aggregate,
                            from,
                            to,
                        },
                    });
                    Received::Taken
                }
            });
        }
        sorted
    }
}

/// Advances that follow each other, in their order, as one per aggregate.
pub fn summed(advances: Vec<Advance>) -> Vec<Advance> {
    let mut sums: BTreeMap<Aggregate, Advance> = BTreeMap::new();
    for advance in advances {
        let sum = sums.entry(advance.aggregate).or_insert(advance);
        sum.to = advance.to;
    }
    sums.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;
    use waybill_broker::message::Source;
    use waybill_domain::context::EventMeta;
    use waybill_domain::event::{AggregateKind, EventKind, LoggedEvent, NewEvent, SCHEMA_VERSION};
    use waybill_domain::ids::EventId;
    use waybill_domain::text::Tenant;
    use waybill_domain::time::Time;

    fn aggregate(id: u128) -> Aggregate {
        Aggregate {
            kind: AggregateKind::Order,
            id: Uuid::from_u128(id),
        }
    }

    fn messages(of: &[(u128, i64)]) -> Vec<Message> {
        let message = |(id, seq): &(u128, i64)| Message {
            source: Source {
                store_id: "other".into(),
                generation: "g1".into(),
            },
            event: LoggedEvent {
                partition: 0,
                position: 1,
                recorded_at: Time(0),
                event: NewEvent {
                    id: EventId(Uuid::nil()),
                    schema_version: SCHEMA_VERSION,
                    kind: EventKind::OrderNoteAdded,
                    aggregate: aggregate(*id),
                    seq: *seq,
                    order_id: None,
                    tenant: Tenant::default(),
                    occurred_at: Time(0),
                    body: "{}".into(),
                    meta: EventMeta::default(),
                },
            },
            filler: false,
            personal: None,
            resend: None,
        };
        of.iter().map(message).collect()
    }

    fn mark(seq: i64) -> Watermark {
        Watermark { generation: 1, seq }
    }

    fn is_taken(results: &[Received]) -> Vec<bool> {
        results.iter().map(|r| *r == Received::Taken).collect()
    }

    #[test]
    fn events_of_one_batch_build_on_each_other_and_a_gap_holds_the_later_ones() {
        let messages = messages(&[(1, 3), (2, 1), (1, 4), (2, 3), (1, 5), (2, 4), (1, 4)]);
        let sorted = Arrivals::sort(&messages, 1, vec![(aggregate(1), mark(3))]);
        let taken = [true, true, true, false, true, false, true];
        assert_eq!(is_taken(&sorted.results), taken);
        let fresh: Vec<i64> = sorted
            .fresh
            .iter()
            .map(|f| f.message.event.event.seq)
            .collect();
        assert_eq!(fresh, [1, 4, 5]);
        let advances = summed(sorted.fresh.iter().map(|f| f.advance).collect());
        let of_first = advances.iter().find(|a| a.aggregate == aggregate(1));
        let of_first = of_first.expect("it advances");
        assert_eq!((of_first.from, of_first.to), (Some(mark(3)), mark(5)));
        let of_second = advances.iter().find(|a| a.aggregate == aggregate(2));
        let of_second = of_second.expect("it begins");
        assert_eq!((of_second.from, of_second.to), (None, mark(1)));
    }
}
