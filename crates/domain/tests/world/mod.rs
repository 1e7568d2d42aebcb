//! Shared by the tests of the domain: a source of ids, new orders, and random actions.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod intake;
pub mod life;

use proptest::prelude::*;
use uuid::Uuid;
use waybill_domain::command::Command;
use waybill_domain::context::{Context, EventMeta};
use waybill_domain::event::body::ShipmentLine;
use waybill_domain::fact::Fact;
use waybill_domain::ids::{Ids, OrderId};
use waybill_domain::order::{HoldReason, Line, Order};
use waybill_domain::quantities::Quantities;
use waybill_domain::status::{AllocationPolicy, Flags, OrderStatus};
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;

/// A source of rising ids, and a clock that ticks once per decision.
#[derive(Default)]
pub struct World {
    ids: Counter,
    now: i64,
    meta: EventMeta,
}

/// A UUIDv7 of a day in 2026, so that ids in a test's output look like real ones.
const FIRST_ID: u128 = 0x019d_9f10_0000_7000_8000_0000_0000_0000;

#[derive(Default)]
struct Counter(u128);

impl Ids for Counter {
    fn next(&mut self) -> Uuid {
        self.0 += 1;
        Uuid::from_u128(FIRST_ID + self.0)
    }
}

impl World {
    /// The context of the next decision.
    pub fn context(&mut self) -> Context<'_> {
        self.now += 1;
        Context {
            now: Time(self.now),
            meta: &self.meta,
            ids: &mut self.ids,
        }
    }

    pub fn now(&self) -> Time {
        Time(self.now)
    }

    /// Lets time pass.
    pub fn pass(&mut self, ms: i64) {
        self.now += ms;
    }
}

pub fn units(of: &[(u16, i64)]) -> Vec<ShipmentLine> {
    of.iter()
        .map(|&(line, quantity)| ShipmentLine { line, quantity })
        .collect()
}

/// A pending order, its units still being sourced; lines get the vendors in turn.
pub fn pending(quantities: &[i64], policy: AllocationPolicy, vendors: &[&str]) -> Order {
    let line = |(index, ordered): (usize, &i64)| Line {
        id: u16::try_from(index + 1).expect("tests have few lines"),
        sku: Sku::stored(&format!("SKU-{index}")),
        vendor: Some(Vendor::stored(vendors[index % vendors.len()])),
        sources: vec![],
        requires_shipping: true,
        quantities: Quantities {
            ordered: *ordered,
            backordered: *ordered,
            ..Quantities::default()
        },
        given_up: 0,
    };
    Order {
        id: OrderId(Uuid::from_u128(FIRST_ID)),
        tenant: Tenant::default(),
        partition: 0,
        version: 1,
        status: OrderStatus::Pending,
        flags: Flags {
            sourcing: true,
            ..Flags::default()
        },
        policy,
        lines: quantities.iter().enumerate().map(line).collect(),
        holds: vec![],
        shipments: vec![],
        created_at: Time(0),
        updated_at: Time(0),
        completed_at: None,
        cancelled_at: None,
        cancel_reason: None,
        promised_by: None,
    }
}

/// An action on an order: a command or a fact.
#[derive(Clone, Debug)]
pub enum Deed {
    Command(Command),
    /// Releases the order's n-th hold, or one it does not have.
    ReleaseHold(usize),
    Fact(Fact),
}

impl Deed {
    /// All kinds of deeds; a test asserts that each of them was applied in every status.
    pub const KINDS: [&'static str; 20] = [
        "Cancel",
        "PlaceHold",
        "ReleaseHold",
        "AddNote",
        "CancelLine",
        "Retry",
        "UnitsReserved",
        "Backordered",
        "SourcesExhausted",
        "DeadlinePassed",
        "PromisePassed",
        "ShipmentCreated",
        "ShipmentShipped",
        "ShipmentDelivered",
        "ShipmentReturned",
        "ShipmentLost",
        "ShipmentCancelled",
        "ShipmentFailed",
        "CancelAgreed",
        "CancelRefused",
    ];

    /// The deed's kind, one of [`Self::KINDS`]. The match is exhaustive, so a new command or fact must be added here.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ReleaseHold(_) => "ReleaseHold",
            Self::Command(command) => match command {
                Command::Cancel { .. } => "Cancel",
                Command::PlaceHold { .. } => "PlaceHold",
                Command::ReleaseHold { .. } => "ReleaseHold",
                Command::AddNote => "AddNote",
                Command::CancelLine { .. } => "CancelLine",
                Command::Retry => "Retry",
            },
            Self::Fact(fact) => match fact {
                Fact::UnitsReserved(_) => "UnitsReserved",
                Fact::Backordered => "Backordered",
                Fact::SourcesExhausted => "SourcesExhausted",
                Fact::DeadlinePassed => "DeadlinePassed",
                Fact::PromisePassed => "PromisePassed",
                Fact::ShipmentCreated(_) => "ShipmentCreated",
                Fact::ShipmentShipped(_) => "ShipmentShipped",
                Fact::ShipmentDelivered(_) => "ShipmentDelivered",
                Fact::ShipmentReturned(_) => "ShipmentReturned",
                Fact::ShipmentLost(_) => "ShipmentLost",
                Fact::ShipmentCancelled(_) => "ShipmentCancelled",
                Fact::ShipmentFailed(_) => "ShipmentFailed",
                Fact::CancelAgreed => "CancelAgreed",
                Fact::CancelRefused => "CancelRefused",
            },
        }
    }
}

fn cancel() -> Command {
    Command::Cancel {
        reason: Some("changed my mind".into()),
    }
}

pub fn place_hold() -> Command {
    Command::PlaceHold {
        reason: HoldReason::Manual,
        placed_by: "client:test".into(),
        note: None,
    }
}

/// Units of some lines, including lines and quantities that the order does not have.
fn any_units() -> impl Strategy<Value = Vec<ShipmentLine>> {
    let quantity = prop_oneof![6 => 1_i64..4, 3 => Just(1_000), 1 => -2_i64..1];
    prop::collection::vec((1_u16..5, quantity), 1..4).prop_map(|of| units(&of))
}

pub fn any_fact() -> impl Strategy<Value = Fact> {
    prop_oneof![
        4 => any_units().prop_map(Fact::UnitsReserved),
        1 => Just(Fact::Backordered),
        1 => Just(Fact::SourcesExhausted),
        1 => Just(Fact::DeadlinePassed),
        1 => Just(Fact::PromisePassed),
        4 => any_units().prop_map(Fact::ShipmentCreated),
        3 => any_units().prop_map(Fact::ShipmentShipped),
        2 => any_units().prop_map(Fact::ShipmentDelivered),
        1 => any_units().prop_map(Fact::ShipmentReturned),
        1 => any_units().prop_map(Fact::ShipmentLost),
        1 => any_units().prop_map(Fact::ShipmentCancelled),
        1 => any_units().prop_map(Fact::ShipmentFailed),
        1 => Just(Fact::CancelAgreed),
        1 => Just(Fact::CancelRefused),
    ]
}

pub fn any_deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        12 => any_fact().prop_map(Deed::Fact),
        1 => Just(Deed::Command(cancel())),
        1 => Just(Deed::Command(place_hold())),
        1 => (0_usize..3).prop_map(Deed::ReleaseHold),
        1 => Just(Deed::Command(Command::AddNote)),
        1 => (1_u16..5).prop_map(|line| Deed::Command(Command::CancelLine { line })),
        1 => Just(Deed::Command(Command::Retry)),
    ]
}

/// A pending order of up to four lines, of any policy, from our own warehouse, a vendor and the inventory service.
pub fn any_birth() -> impl Strategy<Value = Order> {
    let policy = prop::sample::select(AllocationPolicy::ALL);
    let vendors = ["local", "acme", Vendor::INVENTORY];
    let quantities = prop::collection::vec(1_i64..6, 1..5);
    (quantities, policy)
        .prop_map(move |(quantities, policy)| pending(&quantities, policy, &vendors))
}
