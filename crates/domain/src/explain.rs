//! Why an order stands where it stands: what it waits for, until when, and what a caller may do about it.

use crate::command::{self, Command};
use crate::context::{Context, EventMeta};
use crate::order::{HoldReason, Line, Order, Source};
use crate::reservation::Units;
use crate::shipment::{Shipment, ShipmentStatus};
use crate::status::{OrderStatus, named_enum};
use crate::time::Time;
use crate::vendor_call::VendorCall;
use uuid::Uuid;

named_enum!(
    /// What an order waits for.
    WaitsFor {
        /// A person: a hold is open.
        Hold = "hold",
        /// Stock: nobody has the units.
        Stock = "stock",
        /// A vendor that is asked for units.
        Vendor = "vendor",
        /// A person: an event of the order could not be applied.
        DeadLetter = "dead_letter",
        /// Delivery's answer to a cancellation.
        Cancellation = "cancellation",
        /// A shipment's next step.
        Shipment = "shipment",
        /// The next event to be read.
        Consumer = "consumer",
    }
);

named_enum!(
    /// What a caller may do with an order.
    Action {
        Cancel = "cancel",
        CancelLine = "cancel_line",
        Retry = "retry",
        PlaceHold = "place_hold",
        ReleaseHold = "release_hold",
    }
);

/// A call to a vendor that waits to be made, or is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingCall {
    pub id: Uuid,
    /// Tries so far.
    pub attempts: u32,
    /// When it is made next.
    pub due_at: Time,
    pub last_error: Option<String>,
}

/// What is known beside the order itself.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The calls of [`calls`] that are not done.
    pub calls: Vec<WaitingCall>,
    /// The consumers that have parked an event of the order.
    pub parked_by: Vec<String>,
    /// Its shipments, where delivery's rows are in the same store.
    pub shipments: Vec<Shipment>,
}

/// One thing that an order waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub waits_for: WaitsFor,
    /// For people.
    pub detail: String,
    /// When it ends, or is tried again, by itself.
    pub until: Option<Time>,
    /// What somebody could do about it.
    pub advice: String,
}

/// Where an order is, what keeps it there, and what may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// One sentence, for people.
    pub summary: String,
    /// Empty for an order that is done.
    pub reasons: Vec<Reason>,
    /// When something happens by itself next.
    pub next_at: Option<Time>,
    pub actions: Vec<Action>,
}

/// The ids of the pieces of work by which vendors are asked for an order's units.
#[must_use]
pub fn calls(order: &Order) -> Vec<Uuid> {
    let asked = order.lines.iter().flat_map(|line| {
        let asked = line.sources.iter().filter(|source| line.waits_for(source));
        asked.filter_map(move |source| call_id(order, line, source))
    });
    asked.collect()
}

fn call_id(order: &Order, line: &Line, source: &Source) -> Option<Uuid> {
    let units = Units::new(source.reservation.open())?;
    let units = crate::progress::units_of(line, source, units);
    let call = VendorCall::reduce(order.id, &units, crate::context::RequestIds::default());
    Some(call.work(&order.tenant, order.id, order.created_at).id)
}

/// Explains an order from its state and what else is known.
#[must_use]
pub fn explain(order: &Order, known: &Known, now: Time) -> Explanation {
    let mut reasons = vec![];
    reasons.extend(dead_letters(known));
    reasons.extend(holds(order));
    reasons.extend(vendors(order, known));
    reasons.extend(stock(order));
    reasons.extend(cancellation(order));
    reasons.extend(shipments(order, known));
    if reasons.is_empty() && !order.status.is_terminal() {
        reasons.push(Reason {
            waits_for: WaitsFor::Consumer,
            detail: "the events of the order are being worked off".to_owned(),
            until: None,
            advice:
                "wait; if it stays like this, see `waybill status` for consumers that are behind"
                    .to_owned(),
        });
    }
    let times = reasons.iter().filter_map(|reason| reason.until);
    let times = times.filter(|at| *at > now);
    Explanation {
        summary: summary(order, &reasons),
        next_at: times.min(),
        actions: actions(order),
        reasons,
    }
}

fn summary(order: &Order, reasons: &[Reason]) -> String {
    let status = order.status;
    match (reasons, status) {
        ([], OrderStatus::Failed) => {
            "The order has failed: it has no source for its units, or its shipments did not arrive."
                .to_owned()
        }
        ([], _) => format!("The order is {status}; nothing more happens by itself."),
        ([first], _) => format!("The order is {status}: {}.", first.detail),
        ([first, others @ ..], _) => {
            let more = others.len();
            format!("The order is {status}: {}, and {more} more.", first.detail)
        }
    }
}

fn dead_letters(known: &Known) -> Vec<Reason> {
    let reason = |consumer: &String| Reason {
        waits_for: WaitsFor::DeadLetter,
        detail: format!("the consumer {consumer} could not apply one of its events"),
        until: None,
        advice: "see `waybill dlq list`: mend the cause and redrive the event, or discard it"
            .to_owned(),
    };
    known.parked_by.iter().map(reason).collect()
}

fn holds(order: &Order) -> Vec<Reason> {
    if order.status.is_terminal() {
        return vec![];
    }
    let open = order.holds.iter().filter(|hold| hold.released_at.is_none());
    let reason = |(reason, id, by): (HoldReason, String, &String)| Reason {
        waits_for: WaitsFor::Hold,
        detail: format!("a hold is open ({reason}, placed by {by})"),
        until: None,
        advice: format!("release the hold {id} when its reason is gone"),
    };
    open.map(|hold| reason((hold.reason, hold.id.to_string(), &hold.placed_by)))
        .collect()
}

fn vendors(order: &Order, known: &Known) -> Vec<Reason> {
    let mut reasons = vec![];
    for line in &order.lines {
        for source in line.sources.iter().filter(|source| line.waits_for(source)) {
            let id = call_id(order, line, source);
            let call = known.calls.iter().find(|call| Some(call.id) == id);
            let units = source.reservation.open();
            let mut detail = format!(
                "{} is asked for {units} of {} (line {})",
                source.vendor, line.sku, line.id
            );
            if let Some(error) = call.and_then(|call| call.last_error.as_ref()) {
                let tries = call.map_or(0, |call| call.attempts);
                detail.push_str(&format!("; {tries} tries, the last: {error}"));
            }
            let ends_at = source.reservation.expires_at;
            let advice = match ends_at {
                Some(at) if order.may_wait() => {
                    format!("at {at} the order waits for stock instead")
                }
                Some(at) => format!("at {at} the order fails if no vendor has agreed"),
                None => String::new(),
            };
            reasons.push(Reason {
                waits_for: WaitsFor::Vendor,
                detail,
                until: call
                    .map(|call| call.due_at)
                    .into_iter()
                    .chain(ends_at)
                    .min(),
                advice,
            });
        }
    }
    reasons
}

fn stock(order: &Order) -> Vec<Reason> {
    let short = order.lines.iter().filter(|line| line.missing() > 0);
    let reason = |line: &Line| Reason {
        waits_for: WaitsFor::Stock,
        detail: format!(
            "{} of {} (line {}) have no source yet",
            line.missing(),
            line.sku,
            line.id
        ),
        until: order.promised_by,
        advice: match order.promised_by {
            Some(at) => format!("add stock, cancel the line, or wait: at {at} it is given up"),
            None if order.may_wait() => {
                "add stock, or cancel the line; without a promised date it waits on".to_owned()
            }
            None => "sources are being looked for; without one the order fails".to_owned(),
        },
    };
    short.map(reason).collect()
}

fn cancellation(order: &Order) -> Option<Reason> {
    (order.status == OrderStatus::Cancelling).then(|| Reason {
        waits_for: WaitsFor::Cancellation,
        detail: "delivery has not answered the cancellation yet".to_owned(),
        until: None,
        advice: "wait; if it stays like this, the role delivery is not running or is behind"
            .to_owned(),
    })
}

fn shipments(order: &Order, known: &Known) -> Vec<Reason> {
    let reason = |(id, status, due_at): (String, ShipmentStatus, Option<Time>)| {
        let detail = match status {
            ShipmentStatus::Processing => "has not left the warehouse",
            ShipmentStatus::Shipped => "is on its way",
            ShipmentStatus::DeliveryFailed => "could not be handed over",
            ShipmentStatus::Delivered
            | ShipmentStatus::Cancelled
            | ShipmentStatus::Failed
            | ShipmentStatus::Returned
            | ShipmentStatus::Lost => return None,
        };
        Some(Reason {
            waits_for: WaitsFor::Shipment,
            detail: format!("shipment {id} {detail}"),
            until: due_at,
            advice:
                "a step that the carrier does not report can be entered by hand: `waybill shipment`"
                    .to_owned(),
        })
    };
    let copies = order.shipments.iter().map(|copy| {
        let mut all = known.shipments.iter();
        let due_at = all.find(|of| of.id == copy.id).and_then(|of| of.due_at);
        (copy.id.to_string(), copy.status, due_at)
    });
    copies.filter_map(reason).collect()
}

/// What a caller may ask for now, found by trying it.
fn actions(order: &Order) -> Vec<Action> {
    let cancel = Command::Cancel { reason: None };
    let lines = order
        .lines
        .iter()
        .map(|line| Command::CancelLine { line: line.id });
    let open = order.open_holds().into_iter();
    let place = Command::PlaceHold {
        reason: HoldReason::Manual,
        placed_by: String::new(),
        note: None,
    };
    let tries = [
        (Action::Cancel, vec![cancel]),
        (Action::CancelLine, lines.collect()),
        (Action::Retry, vec![Command::Retry]),
        (Action::PlaceHold, vec![place]),
        (
            Action::ReleaseHold,
            open.map(|hold| Command::ReleaseHold { hold }).collect(),
        ),
    ];
    let is_possible = |commands: &Vec<Command>| {
        let mut commands = commands.iter();
        commands.any(|command| would_change(order, command))
    };
    let possible = tries.iter().filter(|(_, commands)| is_possible(commands));
    possible.map(|(action, _)| *action).collect()
}

fn would_change(order: &Order, command: &Command) -> bool {
    let meta = EventMeta::default();
    let mut ids = Uuid::nil;
    let mut context = Context {
        now: order.updated_at,
        meta: &meta,
        ids: &mut ids,
    };
    matches!(command::decide(order, command, &mut context), Ok(Some(_)))
}
