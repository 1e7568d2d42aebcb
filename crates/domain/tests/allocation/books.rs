//! All stock rows, reservations, orders and work, as a store has them, and what may happen to them.

use super::world::intake::new_order;
use super::world::{World, units};
use std::collections::{BTreeMap, VecDeque};
use uuid::Uuid;
use waybill_domain::allocation::{self, Answer, Outcome};
use waybill_domain::backorder::{self, Occasion, Supply};
use waybill_domain::change::{Change, NewWork, OrderEffect};
use waybill_domain::command::{self, Command};
use waybill_domain::delivery::{self, OrderNews};
use waybill_domain::event::NewEvent;
use waybill_domain::fact::{self, Fact};
use waybill_domain::history::OrderHistory;
use waybill_domain::intake::{self, Decision, LookedAt, StockView, VendorStock};
use waybill_domain::order::{Order, Source};
use waybill_domain::reservation::{Reservation, ReservationMove, ReservationState};
use waybill_domain::sourcing::{OWN_PRIORITY, Offer};
use waybill_domain::sourcing_task::{SourcingTask, TARGET};
use waybill_domain::status::{AllocationPolicy, OrderStatus};
use waybill_domain::stock::{self, Adjustment, Ledger, StockLevel};
use waybill_domain::text::{Sku, Vendor};
use waybill_domain::vendor_call::{VendorCall, VendorRequest, vendor_of};

/// How long an order waits for vendors.
const PATIENCE_MS: i64 = 1_000_000;

/// A reservation: the order's index, line, vendor and attempt.
type Key = (usize, u16, Vendor, u16);

/// Our own stock and three vendors.
const PLACES: [&str; 4] = ["local", "A", "B", "C"];

/// What happens next. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
pub enum Act {
    Order(i64, i64, AllocationPolicy),
    /// A piece of work is done: the vendor of a waiting call answers so, or a task is carried out.
    Work(usize, Kind),
    Cancel(usize),
    CancelLine(usize, u16),
    Retry(usize),
    /// The time to wait for vendors passes.
    Deadline(usize),
    /// The promised date passes.
    Promise(usize),
    /// Delivery ships what may ship, vendor by vendor.
    Ship(usize, Parcel),
    /// Delivery agrees to a cancellation.
    Agree(usize),
    /// Our own stock is counted.
    Count(i64),
    Restock(i64),
    /// A vendor says what it has.
    Sync(usize, i64),
}

/// What becomes of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parcel {
    Delivered,
    Returned,
    Lost,
    Failed,
    /// Called off before it leaves; its units may ship in another one.
    CalledOff,
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Agreed,
    Refused,
    NotAsked,
    Unknown,
}

/// All stock rows, reservations and orders, as a store has them.
pub struct Books {
    world: World,
    pub stock: BTreeMap<Vendor, StockLevel>,
    /// What was counted in, by vendor.
    moved: BTreeMap<Vendor, i64>,
    pub orders: Vec<Order>,
    histories: Vec<OrderHistory>,
    reservations: BTreeMap<Key, Reservation>,
    pub work: VecDeque<NewWork>,
    /// What `order.confirmed` and `order.lines_released` released, by order: vendor, line and units that have not shipped.
    released: Vec<Vec<(Vendor, u16, i64)>>,
}

fn sku() -> Sku {
    Sku::stored("A")
}

impl Books {
    pub fn new(stock: [i64; 4]) -> Self {
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
            moved: stock.iter().map(|(v, l)| (v.clone(), l.on_hand)).collect(),
            stock,
            orders: vec![],
            histories: vec![],
            reservations: BTreeMap::new(),
            work: VecDeque::new(),
            released: vec![],
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

    pub fn order(&mut self, first: i64, second: i64, policy: AllocationPolicy) {
        let index = self.orders.len();
        let number = u128::try_from(index + 1).expect("few orders");
        let mut new = new_order(number, &[("A", first), ("A", second)], "{}");
        new.policy = policy;
        let now = self.world.now();
        new.sourced_by = now.plus_ms(PATIENCE_MS);
        new.promised_by = Some(now.plus_ms(100 * PATIENCE_MS));
        let mut view = self.view();
        let Decision::Accept(accepted) =
            intake::decide(&new, 1, 0, &mut view, LookedAt::AllSources)
        else {
            return;
        };
        let mut history = OrderHistory::default();
        self.released.push(vec![]);
        for event in &accepted.events {
            history.take(event.seq, event.kind, &event.body);
            self.release(index, event);
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
        let is_there = effect.reserved <= 0 || effect.reserved <= level.available();
        assert!(is_there, "oversold: {step:?}");
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
        self.orders[index] = written.after.clone();
        self.add_work(change.work.clone());
        for event in &change.events {
            self.histories[index].take(event.seq, event.kind, &event.body);
            self.release(index, event);
        }
        self.read_again(index);
    }

    /// Reads the reservations of lines with several sources, as a store does.
    fn read_again(&mut self, index: usize) {
        for line in &mut self.orders[index].lines {
            if line.vendor.is_some() {
                continue;
            }
            let all = self.reservations.iter();
            let of = all.filter(|((order, id, ..), _)| (*order, *id) == (index, line.id));
            let source = |((_, _, vendor, attempt), reservation): (&Key, &Reservation)| Source {
                vendor: vendor.clone(),
                attempt: *attempt,
                reservation: *reservation,
                reason: None,
            };
            line.sources = of.map(source).collect();
        }
    }

    fn add_work(&mut self, work: Vec<NewWork>) {
        for piece in work {
            let mut waiting = self.orders.iter().filter(|order| order.may_wait());
            let is_awaited = waiting.any(|order| order.totals().backordered > 0);
            if piece.if_awaited.is_none() || is_awaited {
                self.work.push_back(piece);
            }
        }
    }

    /// Notes what delivery may ship from an event on.
    fn release(&mut self, index: usize, event: &NewEvent) {
        if let Ok(Some(OrderNews::Released { lines, .. })) = delivery::parse(event) {
            let each = lines.into_iter().map(|line| line.units);
            let each = each.map(|of| (of.vendor, of.line, of.quantity));
            self.released[index].extend(each);
        }
    }

    /// Line and units of what an order has released.
    pub fn released(&self, index: usize) -> Vec<(u16, i64)> {
        let each = self.released[index].iter();
        each.map(|(_, line, units)| (*line, *units)).collect()
    }

    fn work(&mut self, at: usize, kind: Kind) {
        let Some(piece) = self.work.remove(at % self.work.len().max(1)) else {
            return;
        };
        let mut orders = self.orders.iter();
        let index = orders.position(|order| Some(order.id) == piece.order_id);
        if piece.target == TARGET {
            let task = serde_json::from_str(&piece.body).expect("readable");
            self.do_task(index, &task);
        } else {
            assert!(vendor_of(&piece.target).is_some());
            self.answer(index.expect("its order"), piece, kind);
        }
    }

    fn do_task(&mut self, index: Option<usize>, task: &SourcingTask) {
        match task {
            SourcingTask::Source | SourcingTask::SourceAnew => {
                let occasion = match task {
                    SourcingTask::Source => Occasion::Sourcing,
                    _ => Occasion::Anew,
                };
                let offers = self.offers();
                self.source(index.expect("its order"), offers, occasion);
            }
            SourcingTask::EndWait => {}
            SourcingTask::Fill { vendor, .. } => {
                for index in 0..self.orders.len() {
                    let mut offers = self.offers();
                    offers.retain(|offer| vendor.as_ref().is_none_or(|v| offer.vendor == *v));
                    if self.orders[index].may_wait() {
                        let occasion = match vendor {
                            Some(_) => Occasion::MoreThere,
                            None => Occasion::Regular,
                        };
                        self.source(index, offers, occasion);
                    }
                }
            }
            SourcingTask::TakeBack { .. } => {
                for index in (0..self.orders.len()).rev() {
                    let short = self.stock[&Vendor::local()].short();
                    let order = &self.orders[index];
                    let context = &mut self.world.context();
                    let change = backorder::take_back(order, &sku(), short, context);
                    if let Some(change) = change {
                        self.write(index, &change);
                    }
                }
            }
        }
    }

    fn source(&mut self, index: usize, offers: Vec<Offer>, occasion: Occasion) {
        let supply = Supply {
            occasion,
            offers,
            inventory: vec![],
            expires_at: self.world.now().plus_ms(PATIENCE_MS),
        };
        let order = &self.orders[index];
        let change = backorder::source(order, &supply, &mut self.world.context());
        if let Some(change) = change {
            self.write(index, &change);
        }
    }

    fn answer(&mut self, index: usize, piece: NewWork, kind: Kind) {
        let call: VendorCall = serde_json::from_str(&piece.body).expect("readable");
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

    pub fn command(&mut self, index: usize, command: &Command) {
        let order = &self.orders[index];
        if let Ok(Some(change)) = command::decide(order, command, &mut self.world.context()) {
            self.write(index, &change);
        }
    }

    fn ship(&mut self, index: usize, parcel: Parcel) {
        // Delivery would ship nothing of an order that is being cancelled.
        if self.orders[index].status == OrderStatus::Cancelling {
            return;
        }
        for (vendor, line, quantity) in std::mem::take(&mut self.released[index]) {
            let lines = units(&[(line, quantity)]);
            self.apply(index, &Fact::ShipmentCreated(lines.clone()), Some(&vendor));
            let facts = match parcel {
                Parcel::Delivered => vec![Fact::ShipmentDelivered(lines)],
                Parcel::Returned => vec![
                    Fact::ShipmentShipped(lines.clone()),
                    Fact::ShipmentReturned(lines),
                ],
                Parcel::Lost => vec![Fact::ShipmentLost(lines)],
                Parcel::Failed => vec![Fact::ShipmentFailed(lines)],
                Parcel::CalledOff => vec![Fact::ShipmentCancelled(lines)],
            };
            for fact in facts {
                self.apply(index, &fact, Some(&vendor));
            }
        }
    }

    /// Counts our own stock, or takes in what a vendor says.
    fn adjust(&mut self, vendor: &Vendor, adjustment: Adjustment) {
        let before = self.stock[vendor];
        let Ok((after, delta)) = stock::adjust(before, adjustment, None, &Ledger::default()) else {
            return;
        };
        *self.moved.get_mut(vendor).expect("a row") += delta;
        self.stock.insert(vendor.clone(), after);
        let (id, now) = (Uuid::from_u128(0), self.world.now());
        let piece = if after.short() > 0 {
            SourcingTask::take_back(id, &sku(), now)
        } else {
            SourcingTask::fill(id, &sku(), Some(vendor), now)
        };
        self.add_work(vec![piece]);
    }

    pub fn act(&mut self, act: &Act) {
        let orders = self.orders.len();
        let some = |n: &usize| n % orders.max(1);
        let local = Vendor::local();
        match act {
            Act::Order(first, second, policy) => self.order(*first, *second, *policy),
            Act::Work(n, kind) => self.work(*n, *kind),
            Act::Count(count) => self.adjust(&local, Adjustment::Count(*count)),
            Act::Restock(more) => self.adjust(&local, Adjustment::Delta(*more)),
            Act::Sync(vendor, units) => {
                let asked_at = self.world.now();
                let units = *units;
                let says = Adjustment::Snapshot { units, asked_at };
                self.adjust(&Vendor::stored(PLACES[*vendor]), says);
            }
            _ if orders == 0 => {}
            Act::Cancel(n) => self.command(some(n), &Command::Cancel { reason: None }),
            Act::CancelLine(n, line) => {
                self.command(some(n), &Command::CancelLine { line: *line });
            }
            Act::Retry(n) => self.command(some(n), &Command::Retry),
            Act::Deadline(n) => {
                self.world.pass(PATIENCE_MS);
                self.apply(some(n), &Fact::DeadlinePassed, None);
            }
            Act::Promise(n) => self.apply(some(n), &Fact::PromisePassed, None),
            Act::Ship(n, parcel) => self.ship(some(n), *parcel),
            Act::Agree(n) => self.apply(some(n), &Fact::CancelAgreed, None),
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
            assert_eq!(level.counted(), self.moved[vendor] - sums.0, "{vendor}");
            assert_eq!(level.reserved, sums.1, "{vendor}");
            // A vendor's figure may be less than what orders reserve there.
            let most = if vendor.is_local() {
                level.on_hand
            } else {
                i64::MAX
            };
            assert!((0..=most).contains(&level.reserved), "{vendor}: {level:?}");
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
            assert!(asked <= q.backordered, "{line:?}");
            assert!((0..=q.cancelled).contains(&line.given_up), "{line:?}");
        }
        let is_short = order.lines.iter().any(|line| line.missing() > 0);
        if order.status == OrderStatus::Pending && is_short && !order.is_asking() {
            let of_order = |piece: &&NewWork| piece.order_id == Some(order.id);
            assert!(
                self.work.iter().any(|p| of_order(&p)),
                "nobody sources {order:?}"
            );
        }
    }

    /// Does all work; every call is answered alike.
    pub fn work_off(&mut self, kind: Kind) {
        for _ in 0..10_000 {
            if self.work.is_empty() {
                return;
            }
            self.act(&Act::Work(0, kind));
        }
        panic!("work makes work: {:?}", self.work);
    }

    /// Does all work; nothing may be left that waits for an answer, or for units that are there.
    pub fn finish(&mut self, kind: Kind) {
        self.work_off(kind);
        for order in &self.orders {
            assert_ne!(order.status, OrderStatus::Pending, "{order:?}");
            let is_waiting = order.status == OrderStatus::Backordered;
            let there = self.stock[&Vendor::local()].available();
            assert!(!is_waiting || there == 0, "{there} for {order:?}");
        }
        let held = |r: &&Reservation| r.state == ReservationState::Held;
        assert_eq!(self.reservations.values().find(held), None);
    }
}
