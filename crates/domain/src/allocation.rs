//! What a vendor's answer means for the order that needs its units: agreed, another vendor, or no source left.
//!
//! A vendor is asked by a piece of work ([`VendorCall`]), and only the answer to that piece ends its reservation. So an
//! order that is cancelled, fails or passes its deadline while the call is under way only marks the reservation, and
//! what the vendor then says is still taken in: units that nobody wants any more are given back to it.

use crate::change::{Change, OrderEffect};
use crate::context::{Context, RequestIds};
use crate::event::EventKind;
use crate::fact;
use crate::ids::OrderId;
use crate::order::{Line, Order, Source};
use crate::progress::{Progress, units_of};
use crate::reservation::{HeldEnd, ReservationMove, ReservationState, ReservedUnits, Units};
use crate::sourcing::{self, Need, Offer, Part};
use crate::status::OrderStatus;
use crate::stock::StockRow;
use crate::text::Vendor;
use crate::time::Time;
use crate::vendor::VendorRecord;
use crate::vendor_call::VendorCall;
use std::sync::Arc;

/// What became of a request for units. The texts are for people and have no words of the vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The vendor has taken them out of its stock for us.
    Agreed,
    /// The vendor has not, and will not.
    Refused(String),
    /// The vendor was not asked, or the request has surely not reached it: it can be asked again.
    NotAsked(String),
    /// The request may have been carried out, and it must not be repeated.
    Unknown(String),
}

/// What follows from an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The piece of work is done, and this is written with it.
    Change(Box<Change<OrderEffect>>),
    /// The piece of work is done; nothing changes.
    Nothing,
    /// Nobody else has the units: the same vendor is asked again later.
    AskAgain,
}

/// Decides what the answer to a request for units changes. `offers` is what all vendors, and our own stock, could give
/// now.
pub fn on_answer(
    order: &Order,
    call: &VendorCall,
    answer: &Answer,
    offers: &[Offer],
    context: &mut Context<'_>,
) -> Outcome {
    let Some(asked) = Asked::find(order, call) else {
        return Outcome::Nothing;
    };
    let is_wanted = asked.line.waits_for(asked.source) && order.status != OrderStatus::Cancelling;
    let changed = if !is_wanted {
        not_wanted(order, &asked, call, answer, context)
    } else if *answer == Answer::Agreed {
        agreed(order, &asked, context)
    } else {
        match elsewhere(order, &asked, answer, offers, context) {
            Some(changed) => changed,
            None => return Outcome::AskAgain,
        }
    };
    changed.map_or(Outcome::Nothing, |change| Outcome::Change(Box::new(change)))
}

/// Records that units were to be given back to a vendor and nobody knows whether they were.
#[must_use]
pub fn on_lost_return(
    order: &Order,
    call: &VendorCall,
    context: &mut Context<'_>,
) -> Option<Change<OrderEffect>> {
    let (index, of) = place(order, call)?;
    let line = &order.lines[index];
    let units = units_of(line, &line.sources[of], Units::new(call.units)?);
    let mut progress = Progress::new(order, context);
    progress.move_source(index, of, ReservationMove::Doubt(units));
    progress.finish()
}

/// The reservation that a call is about.
struct Asked<'o> {
    index: usize,
    of: usize,
    line: &'o Line,
    source: &'o Source,
    units: ReservedUnits,
}

impl<'o> Asked<'o> {
    /// `None` where the vendor is not being asked for it: the answer was taken in before.
    fn find(order: &'o Order, call: &VendorCall) -> Option<Self> {
        let (index, of) = place(order, call)?;
        let line = &order.lines[index];
        let source = &line.sources[of];
        if source.reservation.state != ReservationState::Held {
            return None;
        }
        let units = Units::new(source.reservation.open())?;
        Some(Self {
            index,
            of,
            line,
            source,
            units: units_of(line, source, units),
        })
    }

    fn end(&self, end: HeldEnd, now: Time) -> ReservationMove {
        let expires_at = self.source.reservation.expires_at;
        ReservationMove::End {
            units: self.units.clone(),
            end,
            expired: expires_at.is_some_and(|at| at <= now),
        }
    }
}

fn place(order: &Order, call: &VendorCall) -> Option<(usize, usize)> {
    let mut lines = order.lines.iter();
    let index = lines.position(|line| line.id == call.line)?;
    let mut sources = order.lines[index].sources.iter();
    let is_it = |source: &Source| source.vendor == call.vendor && source.attempt == call.attempt;
    Some((index, sources.position(is_it)?))
}

/// How a reservation ends whose vendor has given this answer.
fn end_of(answer: &Answer, now: Time) -> HeldEnd {
    match answer {
        Answer::Agreed => HeldEnd::GivenBack { at: now },
        Answer::Refused(_) | Answer::NotAsked(_) => HeldEnd::NotTaken,
        Answer::Unknown(_) => HeldEnd::Unknown { at: now },
    }
}

/// The order does not want the units any more.
fn not_wanted(
    order: &Order,
    asked: &Asked<'_>,
    call: &VendorCall,
    answer: &Answer,
    context: &mut Context<'_>,
) -> Option<Change<OrderEffect>> {
    let end = asked.end(end_of(answer, context.now), context.now);
    let mut progress = Progress::new(order, context);
    progress.move_source(asked.index, asked.of, end);
    progress.give_back_forgotten();
    source_the_rest(&mut progress);
    if *answer == Answer::Agreed {
        let back = VendorCall::restore(order.id, &asked.units, 0, call.cause.clone());
        progress.ask(&back);
    }
    progress.finish()
}

fn agreed(
    order: &Order,
    asked: &Asked<'_>,
    context: &mut Context<'_>,
) -> Option<Change<OrderEffect>> {
    let at = context.now;
    let units = asked.units.clone();
    let moved = units.units.get();
    let mut progress = Progress::new(order, context);
    let step = ReservationMove::Agree { units, at };
    progress.move_source(asked.index, asked.of, step);
    fact::reserve(&mut progress, asked.index, moved);
    source_the_rest(&mut progress);
    settle(progress)
}

/// Has the units that are still missing sourced, when the last vendor has answered. Only an order that may wait is ever
/// short by then. One that waits for stock already gets what has come to our own while vendors were asked; vendors are
/// asked again when they have more.
pub(crate) fn source_the_rest(progress: &mut Progress<'_, '_>) {
    let order = &progress.order;
    let is_short = order.lines.iter().any(|line| line.missing() > 0);
    if order.is_asking() || !is_short {
        return;
    }
    if order.flags.sourcing {
        progress.source_later();
    } else {
        progress.look_at_ours();
    }
}

/// Goes on after units were reserved.
pub(crate) fn settle(mut progress: Progress<'_, '_>) -> Option<Change<OrderEffect>> {
    let stepped = progress.settle(None);
    let released = progress.release();
    if !stepped && !released {
        progress.note(EventKind::OrderLinesChanged, None, None);
    }
    progress.finish()
}

/// Takes the units from other vendors, or gives the order up when there are none; `None` when the same vendor can be
/// asked again.
#[expect(
    clippy::option_option,
    reason = "the outer one is about the vendor, the inner one about the order"
)]
fn elsewhere(
    order: &Order,
    asked: &Asked<'_>,
    answer: &Answer,
    offers: &[Offer],
    context: &mut Context<'_>,
) -> Option<Option<Change<OrderEffect>>> {
    let now = context.now;
    let need = Need {
        line: asked.line.id,
        sku: asked.line.sku.clone(),
        units: asked.units.units.get(),
    };
    let others: Vec<Offer> = offers
        .iter()
        .filter(|offer| !has_refused(asked, &offer.vendor))
        .cloned()
        .collect();
    let planned = sourcing::plan(&[need], &others);
    let can_wait = matches!(answer, Answer::NotAsked(_));
    if planned.is_err() && can_wait {
        return None;
    }
    let mut progress = Progress::new(order, context);
    let end = asked.end(end_of(answer, now), now);
    progress.move_source(asked.index, asked.of, end);
    let Ok(plan) = planned else {
        if order.may_wait() {
            source_the_rest(&mut progress);
            return Some(progress.finish());
        }
        let why = match answer {
            Answer::Refused(why) | Answer::NotAsked(why) | Answer::Unknown(why) => why.as_str(),
            Answer::Agreed => "",
        };
        let reason = format!("no source left; {}: {why}", asked.source.vendor);
        return Some(fact::sources_exhausted(progress, &reason));
    };
    // No error: a reservation at a vendor always has its time.
    let expires_at = asked.source.reservation.expires_at.unwrap_or(now);
    let opening = Opening {
        order: order.id,
        expires_at,
        reason: format!("instead of {}: {}", asked.source.vendor, plan.reason).into(),
        cause: progress.cause(),
    };
    let ours = open_parts(&mut progress, &plan.parts, &opening);
    source_the_rest(&mut progress);
    if ours > 0 {
        return Some(settle(progress));
    }
    Some(progress.finish())
}

/// Opens the reservations of a plan, has their vendors asked, and reserves what comes from our own stock; returns how
/// many units that is.
pub(crate) fn open_parts(
    progress: &mut Progress<'_, '_>,
    parts: &[Part],
    opening: &Opening,
) -> i64 {
    let mut ours = 0;
    for part in parts {
        let mut lines = progress.order.lines.iter();
        let Some(index) = lines.position(|line| line.id == part.line) else {
            continue;
        };
        let attempt = next_attempt(&progress.order.lines[index], &part.vendor);
        let Some((step, call)) = opening.of(part, attempt) else {
            continue;
        };
        progress.open_source(index, step);
        match call {
            Some(call) => progress.ask(&call),
            None => ours += fact::reserve(progress, index, part.units),
        }
    }
    ours
}

/// Whether a vendor has ended a reservation of the line without agreeing to it, or is the one that just has. What it said
/// before the line's units were sourced anew does not count: such a round has another time to end.
fn has_refused(asked: &Asked<'_>, vendor: &Vendor) -> bool {
    let round = asked.source.reservation.expires_at;
    *vendor == asked.source.vendor || refused_in(asked.line, vendor, round)
}

/// Whether a vendor has ended a reservation of the line that had this time to end.
pub(crate) fn refused_in(line: &Line, vendor: &Vendor, expires_at: Option<Time>) -> bool {
    let mut sources = line.sources.iter();
    sources.any(|source| {
        source.vendor == *vendor
            && source.reservation.expires_at == expires_at
            && (source.reservation.agreed_at.is_none() || source.reservation.uncertain)
            && matches!(
                source.reservation.state,
                ReservationState::Released | ReservationState::Expired
            )
    })
}

fn next_attempt(line: &Line, vendor: &Vendor) -> u16 {
    let sources = line.sources.iter().filter(|of| of.vendor == *vendor);
    // No error: after 65,535 attempts the next one has the number of the last, which the store refuses as a conflict.
    sources
        .map(|of| of.attempt)
        .max()
        .map_or(1, |last| last.saturating_add(1))
}

/// What new reservations of an order have in common.
pub struct Opening {
    pub order: OrderId,
    pub expires_at: Time,
    /// Why the vendors were chosen.
    pub reason: Arc<str>,
    pub cause: RequestIds,
}

impl Opening {
    /// The move that reserves a part of a plan, and the call to its vendor; our own stock needs none. `None` for a part
    /// without units.
    #[must_use]
    pub fn of(&self, part: &Part, attempt: u16) -> Option<(ReservationMove, Option<VendorCall>)> {
        let units = ReservedUnits {
            line: part.line,
            sku: part.sku.clone(),
            vendor: part.vendor.clone(),
            attempt: Some(attempt),
            units: Units::new(part.units)?,
        };
        if part.vendor.as_str() == Vendor::LOCAL {
            return Some((ReservationMove::Reserve(units), None));
        }
        let call = VendorCall::reduce(self.order, &units, self.cause.clone());
        let step = ReservationMove::Hold {
            units,
            expires_at: self.expires_at,
            reason: self.reason.clone(),
        };
        Some((step, Some(call)))
    }
}

/// What all sources could give, from stock rows and the terms of the tenant's vendors.
#[must_use]
pub fn offers(rows: &[StockRow], vendors: &[VendorRecord]) -> Vec<Offer> {
    let mut offers: Vec<Offer> = vec![];
    for row in rows {
        let terms = if row.vendor.is_local() {
            Some((sourcing::OWN_PRIORITY, 0))
        } else {
            let mut records = vendors.iter();
            let record = records.find(|of| of.name == row.vendor && of.is_in_use());
            record.map(|record| (record.terms.priority, record.terms.cost))
        };
        let Some((priority, cost)) = terms else {
            continue;
        };
        let available = (row.sku.clone(), row.level.available());
        match offers.iter_mut().find(|offer| offer.vendor == row.vendor) {
            Some(offer) => offer.available.extend([available]),
            None => offers.push(Offer {
                vendor: row.vendor.clone(),
                priority,
                cost,
                available: [available].into(),
            }),
        }
    }
    offers
}
