//! Orders that vendors are asked for, against vendors that agree, refuse, do not answer and lose answers, with orders that
//! are cancelled, time out and ship meanwhile. After each action what is in the stock rows, in the reservations and in
//! the orders must agree.

mod world;

use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use waybill_domain::allocation::{self, Answer, Outcome};
use waybill_domain::change::{Change, NewWork, OrderEffect};
use waybill_domain::command::{self, Command};
use waybill_domain::fact::{self, Fact};
use waybill_domain::history::OrderHistory;
use waybill_domain::intake::{self, Decision, StockView, VendorStock};
use waybill_domain::order::{Order, Source};
use waybill_domain::reservation::{Reservation, ReservationMove, ReservationState};
use waybill_domain::sourcing::{OWN_PRIORITY, Offer};
use waybill_domain::status::OrderStatus;
use waybill_domain::stock::StockLevel;
use waybill_domain::text::{Sku, Vendor};
use waybill_domain::vendor_call::{VendorCall, VendorRequest, vendor_of};
use world::intake::new_order;
use world::{World, units};

/// Our own stock and three vendors.
const PLACES: [&str; 4] = ["local", "A", "B", "C"];

/// What happens next. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Act {
    Order(i64, i64),
    /// The vendor of a waiting call answers.
    Answer(usize, Kind),
    Cancel(usize),
    Deadline(usize),
    /// Delivery ships what is confirmed, vendor by vendor.
    Ship(usize),
    /// Delivery agrees to a cancellation.
    Agree(usize),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Agreed,
    Refused,
    NotAsked,
    Unknown,
}

/// All stock rows, reservations and orders, as a store has them.
struct Books {
    world: World,
    stock: BTreeMap<Vendor, StockLevel>,
    begun: BTreeMap<Vendor, i64>,
    orders: Vec<Order>,
    histories: Vec<OrderHistory>,
    reservations: BTreeMap<(usize, u16, Vendor, u16), Reservation>,
    work: VecDeque<NewWork>,
}

fn sku() -> Sku {
    Sku::stored("A")
}

impl Books {
    fn new(stock: [i64; 4]) -> Self {
        let rows = PLACES.iter().zip(stock).map(|(place, on_hand)| {
            let level = StockLevel {
                on_hand,
                version: 1,
                ..StockLevel::default()
            };
            (Vendor::stored(place), level)
        });
        let stock: BTreeMap<_, _> = rows.collect();
        Self {
            world: World::default(),
            begun: stock.iter().map(|(v, l)| (v.clone(), l.on_hand)).collect(),
            stock,
            orders: vec![],
            histories: vec![],
            reservations: BTreeMap::new(),
            work: VecDeque::new(),
        }
    }

    fn view(&self) -> StockView {
        let mut view = StockView::default();
        for (vendor, level) in &self.stock {
            if vendor.is_local() {
                view.local.insert(sku(), *level);
            } else {
                let of = VendorStock {
                    levels: [(sku(), *level)].into(),
                    ..VendorStock::default()
                };
                view.vendors.insert(vendor.clone(), of);
            }
        }
        view
    }

    fn offers(&self) -> Vec<Offer> {
        let offer = |(vendor, level): (&Vendor, &StockLevel)| Offer {
            vendor: vendor.clone(),
            priority: if vendor.is_local() { OWN_PRIORITY } else { 0 },
            cost: 0,
            available: [(sku(), level.available())].into(),
        };
        self.stock.iter().map(offer).collect()
    }

    fn order(&mut self, first: i64, second: i64) {
        let index = self.orders.len();
        let number = u128::try_from(index + 1).expect("few orders");
        let new = new_order(number, &[("A", first), ("A", second)], "{}");
        let mut view = self.view();
        let Decision::Accept(accepted) = intake::decide(&new, 1, 0, &mut view) else {
            return;
        };
        let mut history = OrderHistory::default();
        for event in &accepted.events {
            history.take(event.seq, event.kind, &event.body);
        }
        self.orders.push(accepted.order);
        self.histories.push(history);
        for step in &accepted.reserved {
            self.move_units(index, step);
        }
        self.work.extend(accepted.work);
        for (vendor, level) in &self.stock {
            let decided = match view.vendors.get(vendor) {
                Some(of) => of.levels[&sku()],
                None => view.local[&sku()],
            };
            assert_eq!(*level, decided, "what was decided is what was written");
        }
    }

    fn move_units(&mut self, order: usize, step: &ReservationMove) {
        let units = step.units();
        let effect = step.effect();
        let level = self.stock.get_mut(&units.vendor).expect("a row");
        assert!(effect.reserved <= level.available(), "oversold: {step:?}");
        level.on_hand += effect.on_hand;
        level.reserved += effect.reserved;
        let attempt = units.attempt.unwrap_or(1);
        let key = (order, units.line, units.vendor.clone(), attempt);
        let after = step.after(self.reservations.get(&key).copied());
        self.reservations.insert(key, after.expect("allowed"));
    }

    fn write(&mut self, index: usize, change: &Change<OrderEffect>) {
        let written = &change.effect.order;
        assert_eq!(written.expected_version, self.orders[index].version);
        for step in &change.effect.reservations {
            self.move_units(index, step);
        }
        self.work.extend(change.work.iter().cloned());
        for event in &change.events {
            self.histories[index].take(event.seq, event.kind, &event.body);
        }
        self.orders[index] = written.after.clone();
    }

    fn answer(&mut self, at: usize, kind: Kind) {
        let Some(piece) = self.work.remove(at % self.work.len().max(1)) else {
            return;
        };
        let call: VendorCall = serde_json::from_str(&piece.body).expect("readable");
        assert!(vendor_of(&piece.target).is_some());
        let mut orders = self.orders.iter();
        let index = orders.position(|order| Some(order.id) == piece.order_id);
        let index = index.expect("its order");
        if call.request == VendorRequest::Restore {
            if let Kind::Unknown = kind {
                let order = &self.orders[index];
                let change = allocation::on_lost_return(order, &call, &mut self.world.context());
                self.write(index, &change.expect("it is marked"));
            }
            return;
        }
        let answer = match kind {
            Kind::Agreed => Answer::Agreed,
            Kind::Refused => Answer::Refused("no".into()),
            Kind::NotAsked => Answer::NotAsked("its circuit is open".into()),
            Kind::Unknown => Answer::Unknown("no answer".into()),
        };
        let offers = self.offers();
        let order = &self.orders[index];
        let outcome =
            allocation::on_answer(order, &call, &answer, &offers, &mut self.world.context());
        match outcome {
            Outcome::Change(change) => self.write(index, &change),
            Outcome::Nothing => panic!("an answer to a call under way was dropped: {call:?}"),
            Outcome::AskAgain => {
                assert!(matches!(kind, Kind::NotAsked));
                self.work.push_back(piece);
            }
        }
    }

    fn apply(&mut self, index: usize, fact: &Fact, vendor: Option<&Vendor>) {
        let order = &self.orders[index];
        let change = fact::apply_of_vendor(order, fact, vendor, &mut self.world.context());
        if let Some(change) = change {
            self.write(index, &change);
        }
    }

    fn cancel(&mut self, index: usize) {
        let cancel = Command::Cancel { reason: None };
        let order = &self.orders[index];
        if let Ok(Some(change)) = command::decide(order, &cancel, &mut self.world.context()) {
            self.write(index, &change);
        }
    }

    fn ship(&mut self, index: usize) {
        if self.orders[index].status != OrderStatus::Confirmed {
            return;
        }
        let parcels: Vec<(Vendor, u16, i64)> = self.orders[index]
            .event_lines(true)
            .into_iter()
            .flat_map(|line| {
                let whole = line.vendor.map(|v| (v, line.id, line.quantities.reserved));
                let sources = line.sources.into_iter();
                let parts = sources.map(move |s| (s.vendor, line.id, s.quantity));
                whole.into_iter().chain(parts)
            })
            .collect();
        for (vendor, line, quantity) in parcels {
            let lines = units(&[(line, quantity)]);
            self.apply(index, &Fact::ShipmentCreated(lines.clone()), Some(&vendor));
            self.apply(index, &Fact::ShipmentShipped(lines), Some(&vendor));
        }
    }

    fn act(&mut self, act: &Act) {
        let some = |n: &usize, of: usize| n % of.max(1);
        let orders = self.orders.len();
        match act {
            Act::Order(first, second) => self.order(*first, *second),
            Act::Answer(n, kind) => self.answer(*n, *kind),
            _ if orders == 0 => {}
            Act::Cancel(n) => self.cancel(some(n, orders)),
            Act::Deadline(n) => self.apply(some(n, orders), &Fact::DeadlinePassed, None),
            Act::Ship(n) => self.ship(some(n, orders)),
            Act::Agree(n) => self.apply(some(n, orders), &Fact::CancelAgreed, None),
        }
        self.check();
    }

    fn check(&self) {
        for (vendor, level) in &self.stock {
            let of = |r: &Reservation| {
                if vendor.is_local() {
                    (r.consumed, r.open())
                } else {
                    let held = matches!(r.state, ReservationState::Held);
                    let left = r.agreed_at.map_or(0, |_| r.quantity);
                    (left, if held { r.open() } else { 0 })
                }
            };
            let here = self
                .reservations
                .iter()
                .filter(|((_, _, v, _), _)| v == vendor);
            let sums = here
                .map(|(_, r)| of(r))
                .fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
            assert_eq!(level.on_hand, self.begun[vendor] - sums.0, "{vendor}");
            assert_eq!(level.reserved, sums.1, "{vendor}");
            assert!(
                (0..=level.on_hand).contains(&level.reserved),
                "{vendor}: {level:?}"
            );
        }
        for (index, order) in self.orders.iter().enumerate() {
            self.check_order(index, order);
        }
    }

    fn check_order(&self, index: usize, order: &Order) {
        assert!(order.is_sound(), "{order:?}");
        let history = &self.histories[index];
        assert_eq!(history.faults, Vec::<String>::new());
        for line in &order.lines {
            let told = history.lines.get(&line.id);
            assert!(told.is_none_or(|told| *told == line.quantities), "{line:?}");
            if line.sources.is_empty() {
                continue;
            }
            let known = |s: &Source| (index, line.id, s.vendor.clone(), s.attempt);
            for source in &line.sources {
                assert_eq!(
                    self.reservations.get(&known(source)),
                    Some(&source.reservation)
                );
            }
            let agreed: i64 = line.sources.iter().map(Source::agreed).sum();
            let q = line.quantities;
            assert_eq!(agreed, q.reserved + q.in_shipment, "{line:?}");
            let asked = line.sources.iter().filter(|s| s.is_asked());
            let asked: i64 = asked.map(|s| s.reservation.open()).sum();
            assert_eq!(asked, q.backordered, "{line:?}");
        }
    }

    /// Every call is answered; nothing may be left that waits.
    fn finish(&mut self, kind: Kind) {
        for _ in 0..1_000 {
            if self.work.is_empty() {
                break;
            }
            self.act(&Act::Answer(0, kind));
        }
        assert!(self.work.is_empty(), "{:?}", self.work);
        for order in &self.orders {
            assert_ne!(order.status, OrderStatus::Pending, "{order:?}");
        }
        let held = |r: &&Reservation| r.state == ReservationState::Held;
        assert_eq!(self.reservations.values().find(held), None);
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        4 => Just(Kind::Agreed),
        2 => Just(Kind::Refused),
        1 => Just(Kind::NotAsked),
        1 => Just(Kind::Unknown),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (1_i64..6, 1_i64..4).prop_map(|(a, b)| Act::Order(a, b)),
        6 => (any::<usize>(), kind()).prop_map(|(n, kind)| Act::Answer(n, kind)),
        1 => any::<usize>().prop_map(Act::Cancel),
        1 => any::<usize>().prop_map(Act::Deadline),
        2 => any::<usize>().prop_map(Act::Ship),
        1 => any::<usize>().prop_map(Act::Agree),
    ]
}

proptest! {
    #[test]
    fn whatever_vendors_answer_and_orders_become_every_unit_is_in_one_place(
        stock in [0_i64..6, 0_i64..12, 0_i64..12, 0_i64..12],
        acts in prop::collection::vec(act(), 1..60),
        last in prop_oneof![Just(Kind::Agreed), Just(Kind::Refused), Just(Kind::Unknown)],
    ) {
        let mut books = Books::new(stock);
        for act in &acts {
            books.act(act);
        }
        books.finish(last);
    }
}

#[test]
fn a_refused_vendor_is_replaced_and_when_none_is_left_the_others_get_their_units_back() {
    let mut books = Books::new([0, 4, 3, 0]);
    books.order(4, 1);
    assert_eq!(books.work.len(), 2);
    books.act(&Act::Answer(0, Kind::Agreed));
    assert_eq!(books.orders[0].status, OrderStatus::Pending);
    books.act(&Act::Answer(0, Kind::Refused));
    let order = &books.orders[0];
    assert_eq!(order.status, OrderStatus::Failed);
    let back: VendorCall = serde_json::from_str(&books.work[0].body).expect("readable");
    assert_eq!((back.request, back.units), (VendorRequest::Restore, 4));
}

#[test]
fn another_vendor_takes_over_and_the_order_is_confirmed() {
    let mut books = Books::new([0, 4, 4, 0]);
    books.order(2, 2);
    let first = books.work.len();
    books.act(&Act::Answer(0, Kind::Refused));
    assert_eq!(books.work.len(), first);
    books.finish(Kind::Agreed);
    assert_eq!(books.orders[0].status, OrderStatus::Confirmed);
}

#[test]
fn a_yes_to_an_order_that_was_cancelled_meanwhile_is_given_back() {
    let mut books = Books::new([0, 4, 0, 0]);
    books.order(2, 1);
    books.cancel(0);
    assert_eq!(books.orders[0].status, OrderStatus::Cancelled);
    assert_eq!(
        books.stock[&Vendor::stored("A")].reserved,
        3,
        "its calls are under way"
    );
    books.act(&Act::Answer(0, Kind::Agreed));
    books.act(&Act::Answer(0, Kind::Refused));
    let level = books.stock[&Vendor::stored("A")];
    assert_eq!((level.on_hand, level.reserved), (2, 0));
    assert_eq!(books.work.len(), 1, "one is given back");
}
