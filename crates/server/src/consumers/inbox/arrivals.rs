//! Sorts messages of one source by what is known of their aggregates: which are the next ones, which came before, and
//! which must wait for others. Events that waited follow the one that they waited for.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;
use waybill_broker::message::Message;
use waybill_broker::receiver::Received;
use waybill_domain::event::Aggregate;
use waybill_domain::ids::OrderId;
use waybill_domain::inbox::{
    Arrival, GAPS_OF_AGGREGATE, GAPS_OF_CONSUMER, Seen, Sequence, Watermark,
};
use waybill_store::{Advance, HeldId};

use crate::observe::inbox_figures::Handled;

/// An event that waits in the store.
#[derive(Debug)]
pub struct Waiting {
    pub id: HeldId,
    pub at: Watermark,
    pub message: Message,
}

/// How messages are sorted.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The number of the generation in which they were written.
    pub generation: i64,
    /// Whether events that waited follow at once. Otherwise they stay, and are taken one by one later.
    pub follow: bool,
    /// Whether the events missing before a message count as seen.
    pub give_up: bool,
    /// How many more events may wait.
    pub room: usize,
}

/// What changes of one aggregate.
#[derive(Debug)]
pub struct OfAggregate<'m> {
    pub key: OrderId,
    pub advance: Advance,
    /// Messages that wait from now on, and their places.
    pub hold: Vec<(Watermark, &'m Message)>,
    pub release: Vec<HeldId>,
}

/// Messages as they are sorted.
#[derive(Debug)]
pub struct Arrivals<'m> {
    /// Events to take, in the order of their arrival.
    pub fresh: Vec<&'m Message>,
    pub aggregates: Vec<OfAggregate<'m>>,
    /// One per message, for when all this has been written.
    pub results: Vec<Received>,
    /// How many of the messages had come before.
    pub repeated: usize,
}

/// An event that is not the next one.
#[derive(Clone, Copy)]
enum Ahead<'m> {
    Waits(&'m Waiting),
    New(&'m Message),
}

/// One aggregate while its messages are sorted.
struct Sorting<'m> {
    key: OrderId,
    from: Option<Seen>,
    events: Sequence<Ahead<'m>>,
    release: Vec<HeldId>,
    repeated: usize,
}

impl<'m> Arrivals<'m> {
    /// Sorts messages of a source. `waiting` are the events that wait in the store, of aggregates of these messages.
    pub fn sort(
        messages: &'m [Message],
        rules: Rules,
        seen: &[(Aggregate, Seen)],
        waiting: &'m [Waiting],
    ) -> Self {
        let mut sorting = begin(messages, seen, waiting);
        let (mut fresh, mut results) = (vec![], vec![]);
        let mut room = rules.room;
        let mut blocked: HashSet<Uuid> = HashSet::new();
        for message in messages {
            let key = message.key();
            let Some(of) = sorting.get_mut(&message.event.event.aggregate) else {
                continue;
            };
            if blocked.contains(&key) {
                let why = "an event of its order before it cannot be taken yet";
                results.push(Received::Later(why.into()));
                continue;
            }
            let taken = of.arrive(message, rules, &mut room, &mut fresh);
            if taken != Received::Taken {
                blocked.insert(key);
            }
            results.push(taken);
        }
        let repeated = sorting.values().map(|of| of.repeated).sum();
        let aggregates = sorting.into_iter();
        Self {
            fresh,
            aggregates: aggregates.filter_map(|(a, of)| of.end(a)).collect(),
            results,
            repeated,
        }
    }

    /// What becomes of the messages, and of events that waited for them.
    pub fn handled(&self) -> Handled {
        let later = |result: &&Received| matches!(result, Received::Later(_));
        Handled {
            taken: self.fresh.len(),
            repeated: self.repeated,
            waiting: self.held(),
            later: self.results.iter().filter(later).count(),
            unreadable: 0,
        }
    }

    /// How many messages are to wait from now on.
    pub fn held(&self) -> usize {
        self.aggregates.iter().map(|of| of.hold.len()).sum()
    }
}

fn begin<'m>(
    messages: &'m [Message],
    seen: &[(Aggregate, Seen)],
    waiting: &'m [Waiting],
) -> BTreeMap<Aggregate, Sorting<'m>> {
    let seen: HashMap<Aggregate, Seen> = seen.iter().copied().collect();
    let mut sorting = BTreeMap::new();
    for message in messages {
        let aggregate = message.event.event.aggregate;
        let new = || {
            let of = waiting
                .iter()
                .filter(|waits| waits.message.event.event.aggregate == aggregate);
            let from = seen.get(&aggregate).copied();
            let mark = from.map(|seen| seen.mark);
            Sorting {
                key: OrderId(message.key()),
                from,
                events: Sequence::new(mark, of.map(|waits| (waits.at, Ahead::Waits(waits)))),
                release: vec![],
                repeated: 0,
            }
        };
        sorting.entry(aggregate).or_insert_with(new);
    }
    sorting
}

impl<'m> Sorting<'m> {
    fn arrive(
        &mut self,
        message: &'m Message,
        rules: Rules,
        room: &mut usize,
        fresh: &mut Vec<&'m Message>,
    ) -> Received {
        let event = &message.event.event;
        let at = Watermark {
            generation: rules.generation,
            seq: event.seq,
        };
        if rules.give_up {
            self.events.give_up_before(at);
        }
        let arrival = self.events.arrive(at);
        #[cfg(feature = "planted-defects")]
        let arrival = super::defects::without_inbox(arrival);
        match arrival {
            Arrival::Duplicate => {
                self.repeated += 1;
                Received::Taken
            }
            Arrival::Gap { missing } => self.wait(at, missing, message, room),
            Arrival::Next => {
                fresh.push(message);
                while rules.follow
                    && let Some((_, ahead)) = self.events.follow()
                {
                    fresh.push(match ahead {
                        Ahead::New(message) => message,
                        Ahead::Waits(waiting) => {
                            self.release.push(waiting.id);
                            &waiting.message
                        }
                    });
                }
                Received::Taken
            }
        }
    }

    fn wait(
        &mut self,
        at: Watermark,
        missing: i64,
        message: &'m Message,
        room: &mut usize,
    ) -> Received {
        let waits = self.events.waiting().any(|(place, _)| place == at);
        let refused = |limit: &str| {
            Received::Later(format!(
                "event {missing} of {:?} has not come yet, event {} has to wait for it, and {limit}",
                message.event.event.aggregate, at.seq
            ))
        };
        if waits {
            self.repeated += 1;
            return Received::Taken;
        }
        if *room == 0 {
            return refused(&format!(
                "{GAPS_OF_CONSUMER} events wait already, the most that may wait for one consumer"
            ));
        }
        if !self.events.wait(at, Ahead::New(message)) {
            return refused(&format!(
                "{GAPS_OF_AGGREGATE} events of it wait already, the most that may wait for one aggregate"
            ));
        }
        *room -= 1;
        Received::Taken
    }

    /// What is to be written; `None` when nothing has changed.
    fn end(mut self, aggregate: Aggregate) -> Option<OfAggregate<'m>> {
        for ahead in self.events.passed() {
            if let Ahead::Waits(waiting) = ahead {
                self.release.push(waiting.id);
            }
        }
        let new = |(at, ahead): (Watermark, &Ahead<'m>)| match ahead {
            Ahead::New(message) => Some((at, *message)),
            Ahead::Waits(_) => None,
        };
        let hold: Vec<_> = self.events.waiting().filter_map(new).collect();
        let to = self.events.seen()?;
        let changed = self.from != Some(to) || !hold.is_empty() || !self.release.is_empty();
        changed.then_some(OfAggregate {
            key: self.key,
            advance: Advance {
                aggregate,
                from: self.from,
                to,
            },
            hold,
            release: self.release,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumers::inbox::tests::noted;

    fn aggregate(id: u128) -> Aggregate {
        noted(id, 1).event.event.aggregate
    }

    fn messages(of: &[(u128, i64)]) -> Vec<Message> {
        of.iter().map(|(id, seq)| noted(*id, *seq)).collect()
    }

    fn seen(seq: i64, gaps: u32) -> Seen {
        let mark = Watermark { generation: 1, seq };
        Seen { mark, gaps }
    }

    const RULES: Rules = Rules {
        generation: 1,
        follow: true,
        give_up: false,
        room: 100,
    };

    fn waiting(id: u128, seq: i64) -> Waiting {
        Waiting {
            id: HeldId {
                key: OrderId(Uuid::from_u128(id)),
                message: Uuid::from_u128(seq as u128),
            },
            at: seen(seq, 0).mark,
            message: noted(id, seq),
        }
    }

    fn is_taken(results: &[Received]) -> Vec<bool> {
        results.iter().map(|r| *r == Received::Taken).collect()
    }

    fn fresh(sorted: &Arrivals<'_>) -> Vec<i64> {
        sorted.fresh.iter().map(|m| m.event.event.seq).collect()
    }

    #[test]
    fn events_of_one_batch_build_on_each_other_and_those_after_a_gap_wait() {
        let messages = messages(&[(1, 3), (2, 1), (1, 4), (2, 3), (1, 5), (2, 4), (1, 4)]);
        let known = [(aggregate(1), seen(3, 0))];
        let sorted = Arrivals::sort(&messages, RULES, &known, &[]);
        assert_eq!(is_taken(&sorted.results), [true; 7]);
        assert_eq!(fresh(&sorted), [1, 4, 5]);
        let of = |id| {
            let mut all = sorted.aggregates.iter();
            all.find(|of| of.advance.aggregate == aggregate(id))
                .expect("it changes")
        };
        let advance = of(1).advance;
        assert_eq!((advance.from, advance.to), (Some(seen(3, 0)), seen(5, 0)));
        let advance = of(2).advance;
        assert_eq!((advance.from, advance.to), (None, seen(1, 2)));
        let held: Vec<i64> = of(2).hold.iter().map(|(at, _)| at.seq).collect();
        assert_eq!((held, sorted.held()), (vec![3, 4], 2));
    }

    #[test]
    fn what_waits_follows_the_missing_event_and_is_released() {
        let messages = messages(&[(1, 2), (1, 6)]);
        let waiting = [waiting(1, 3), waiting(1, 4), waiting(1, 8), waiting(1, 1)];
        let known = [(aggregate(1), seen(1, 4))];
        let sorted = Arrivals::sort(&messages, RULES, &known, &waiting);
        assert_eq!(fresh(&sorted), [2, 3, 4]);
        let of = &sorted.aggregates[0];
        assert_eq!(of.advance.to, seen(4, 2));
        let mut released: Vec<u128> = of.release.iter().map(|id| id.message.as_u128()).collect();
        released.sort_unstable();
        assert_eq!(released, [1, 3, 4]);
        assert_eq!(of.hold.len(), 1);
        let alone = Rules {
            follow: false,
            ..RULES
        };
        let sorted = Arrivals::sort(&messages[..1], alone, &known, &waiting);
        assert_eq!(fresh(&sorted), [2]);
        assert_eq!(sorted.aggregates[0].advance.to, seen(2, 3));
    }

    #[test]
    fn an_event_that_waits_already_is_not_kept_twice() {
        let messages = messages(&[(1, 3), (1, 3)]);
        let waiting = [waiting(1, 3)];
        let known = [(aggregate(1), seen(1, 1))];
        let sorted = Arrivals::sort(&messages, RULES, &known, &waiting);
        assert_eq!(is_taken(&sorted.results), [true, true]);
        assert!(sorted.aggregates.is_empty());
        let sorted = Arrivals::sort(&messages, RULES, &[], &[]);
        assert_eq!(
            (is_taken(&sorted.results), sorted.held()),
            (vec![true; 2], 1)
        );
    }

    #[test]
    fn without_room_an_event_and_those_behind_it_come_again_later() {
        let messages = messages(&[(1, 3), (2, 1), (1, 4), (1, 1)]);
        let full = Rules { room: 1, ..RULES };
        let sorted = Arrivals::sort(&messages, full, &[], &[]);
        assert_eq!(is_taken(&sorted.results), [true, true, false, false]);
        let Received::Later(why) = &sorted.results[2] else {
            panic!("it is refused")
        };
        assert!(why.contains("10000 events wait already"), "{why}");
        let many: Vec<(u128, i64)> = (3..=103).map(|seq| (1, seq)).collect();
        let messages = self::messages(&many);
        let wide = Rules {
            room: 1_000,
            ..RULES
        };
        let sorted = Arrivals::sort(&messages, wide, &[], &[]);
        assert_eq!(sorted.held(), 100);
        let last = sorted.results.last();
        let why = format!("{last:?}");
        assert!(why.contains("100 events of it wait already"), "{why}");
    }

    #[test]
    fn missing_events_are_given_up_for_the_one_that_waits_for_them() {
        let messages = messages(&[(1, 5)]);
        let waiting = [waiting(1, 5), waiting(1, 6)];
        let known = [(aggregate(1), seen(2, 2))];
        let give_up = Rules {
            give_up: true,
            ..RULES
        };
        let sorted = Arrivals::sort(&messages, give_up, &known, &waiting);
        assert_eq!(fresh(&sorted), [5, 6]);
        let of = &sorted.aggregates[0];
        assert_eq!((of.advance.to, of.release.len()), (seen(6, 0), 2));
    }
}
