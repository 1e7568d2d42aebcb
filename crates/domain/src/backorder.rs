//! Units that an order is short of: they are sourced again when there are more, in the order in which the orders came,
//! and taken back where a count has found fewer than are reserved.

use crate::allocation::{Opening, open_parts, refused_in, settle};
use crate::change::{Change, OrderEffect};
use crate::context::Context;
use crate::fact;
use crate::intake::InventoryAnswer;
use crate::order::{Line, Order, Source};
use crate::progress::Progress;
use crate::refusal::Shortage;
use crate::reservation::{ReservationMove, ReservationState};
use crate::sourcing::{self, Need, Offer};
use crate::status::OrderStatus;
use crate::text::{Sku, Vendor};
use crate::time::Time;
use std::collections::BTreeSet;

/// Why sources are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The order's own turn: every source is looked at, and what nobody has is waited for, or the order fails. A vendor
    /// that has refused meanwhile is not asked again.
    Sourcing,
    /// The same for an order that begins anew: what vendors said before does not count.
    Anew,
    /// A source says that it has more: it is asked, whatever it said before.
    MoreThere,
    /// It is looked now and then whether something is there. A vendor that has refused the line is not asked again.
    Regular,
}

impl Occasion {
    /// Whether every source is looked at.
    fn is_whole(self) -> bool {
        match self {
            Self::Sourcing | Self::Anew => true,
            Self::MoreThere | Self::Regular => false,
        }
    }
}

/// What an order's missing units can come from.
#[derive(Clone, Debug)]
pub struct Supply {
    pub occasion: Occasion,
    /// What our own stock and the vendors could give.
    pub offers: Vec<Offer>,
    /// What the inventory service has of the skus that it was asked for.
    pub inventory: Vec<InventoryAnswer>,
    /// How long vendors that are asked now may take, for an order that does not wait for some already.
    pub expires_at: Time,
}

impl Supply {
    /// Takes out what a decision has reserved, so that the next one does not reserve it again.
    pub fn take(&mut self, change: &Change<OrderEffect>) {
        let made = change.effect.reservations.iter();
        for (units, _) in made.filter_map(ReservationMove::makes) {
            let mut offers = self.offers.iter_mut();
            let offer = offers.find(|offer| offer.vendor == units.vendor);
            if let Some(left) = offer.and_then(|offer| offer.available.get_mut(&units.sku)) {
                *left -= units.units.get();
            }
        }
    }
}

/// Whether units of an order with this status can be sourced.
fn is_sourced(status: OrderStatus) -> bool {
    match status {
        OrderStatus::Pending
        | OrderStatus::Backordered
        | OrderStatus::Processing
        | OrderStatus::PartiallyShipped => true,
        OrderStatus::Confirmed
        | OrderStatus::Shipped
        | OrderStatus::Delivered
        | OrderStatus::Cancelling
        | OrderStatus::Cancelled
        | OrderStatus::Failed => false,
    }
}

/// The skus of units that an order misses, each once; none where it cannot be sourced any more.
#[must_use]
pub fn missing_skus(order: &Order) -> BTreeSet<Sku> {
    let short = order.lines.iter().filter(|line| line.missing() > 0);
    let short = short.filter(|_| is_sourced(order.status));
    short.map(|line| line.sku.clone()).collect()
}

/// Those of [`missing_skus`] that the inventory service is asked for.
#[must_use]
pub fn asked_of_inventory(order: &Order) -> BTreeSet<Sku> {
    let mut skus = missing_skus(order);
    skus.retain(|sku| {
        let mut lines = order.lines.iter();
        lines.any(|line| line.sku == *sku && line.is_of_inventory())
    });
    skus
}

/// Sources the units that an order misses. What nobody has is waited for, or the order fails if it may not wait; `None`
/// when nothing changes.
#[must_use]
pub fn source(
    order: &Order,
    supply: &Supply,
    context: &mut Context<'_>,
) -> Option<Change<OrderEffect>> {
    if missing_skus(order).is_empty() {
        return None;
    }
    let mut progress = Progress::new(order, context);
    let mut moved = take_from_inventory(&mut progress, &supply.inventory);
    let is_whole = supply.occasion.is_whole();
    let needs = needs(&progress.order, is_whole);
    let running = round(order, progress.now());
    let running = running.filter(|_| supply.occasion != Occasion::Anew);
    let expires_at = running.unwrap_or(supply.expires_at);
    let offers = willing(&progress.order, supply, expires_at);
    // What the inventory service has not is nothing to wait for: nobody tells when there is more.
    let mut lines = progress.order.lines.iter();
    let may_wait =
        order.may_wait() && !lines.any(|line| line.is_of_inventory() && line.missing() > 0);
    let plan = match sourcing::plan(&needs, &offers) {
        Ok(plan) => plan,
        Err(_) if may_wait || !is_whole => sourcing::plan_available(&needs, &offers),
        Err(shortages) => return fact::sources_exhausted(progress, &told(&shortages)),
    };
    let opening = Opening {
        order: order.id,
        expires_at,
        reason: plan.reason.into(),
        cause: progress.cause(),
    };
    moved += open_parts(&mut progress, &plan.parts, &opening);
    let is_short = progress.order.lines.iter().any(|line| line.missing() > 0);
    let is_done = is_whole && is_short && !progress.order.is_asking();
    let waits = is_done && progress.order.flags.sourcing;
    if waits {
        progress.order.flags.sourcing = false;
        progress.wait_until_promised();
    }
    if waits || moved > 0 {
        settle(progress)
    } else {
        progress.finish()
    }
}

/// Reserves what the inventory service agrees to; returns how many units that is.
fn take_from_inventory(progress: &mut Progress<'_, '_>, answers: &[InventoryAnswer]) -> i64 {
    let mut moved = 0;
    for answer in answers {
        let mut left = answer.available;
        for index in 0..progress.order.lines.len() {
            let line = &progress.order.lines[index];
            let units = line.missing();
            if line.sku == answer.sku && line.is_of_inventory() && units <= left {
                left -= units;
                moved += fact::reserve(progress, index, units);
            }
        }
    }
    moved
}

/// The units that no source is asked for; those of the inventory service only where everything is looked at.
fn needs(order: &Order, is_whole: bool) -> Vec<Need> {
    let short = order.lines.iter().filter(|line| line.missing() > 0);
    let short = short.filter(|line| is_whole || !line.is_of_inventory());
    let need = |line: &Line| Need {
        line: line.id,
        sku: line.sku.clone(),
        units: line.missing(),
    };
    short.map(need).collect()
}

/// The time at which the order stops waiting for the vendors that it asks now; `None` if it asks none.
fn round(order: &Order, now: Time) -> Option<Time> {
    let sources = order.lines.iter().flat_map(|line| &line.sources);
    let times = sources.filter_map(|source: &Source| source.reservation.expires_at);
    let running = times.filter(|at| *at > now && order.flags.sourcing);
    running.max()
}

/// The offers of vendors that may be asked. What the inventory service has to agree to is not to be had from anybody
/// else.
fn willing(order: &Order, supply: &Supply, expires_at: Time) -> Vec<Offer> {
    let mut willing = supply.offers.clone();
    for offer in &mut willing {
        let vendor = offer.vendor.clone();
        let refuses = |line: &&Line| match supply.occasion {
            Occasion::Sourcing => refused_in(line, &vendor, Some(expires_at)),
            Occasion::Regular => refused_ever(line, &vendor),
            Occasion::Anew | Occasion::MoreThere => false,
        };
        let is_left_out =
            |line: &&Line| line.is_of_inventory() && line.missing() > 0 || refuses(line);
        for line in order.lines.iter().filter(is_left_out) {
            offer.available.remove(&line.sku);
        }
    }
    willing
}

/// Whether a vendor has refused units of a line, or may have given some that nobody knows of.
fn refused_ever(line: &Line, vendor: &Vendor) -> bool {
    let mut sources = line
        .sources
        .iter()
        .filter(|source| source.vendor == *vendor);
    sources.any(|source| {
        let ended = source.reservation;
        ended.uncertain || ended.state == ReservationState::Released && ended.agreed_at.is_none()
    })
}

/// The shortages, for people.
fn told(shortages: &[Shortage]) -> String {
    let each = shortages.iter();
    let each = each.map(|of| format!("{}: {} of {}", of.sku, of.available, of.requested));
    format!("no source left; {}", each.collect::<Vec<_>>().join(", "))
}

/// Takes up to `most` units of our own stock of a sku back from an order that is not confirmed; they are sourced anew.
/// `None` where it has none.
#[must_use]
pub fn take_back(
    order: &Order,
    sku: &Sku,
    most: i64,
    context: &mut Context<'_>,
) -> Option<Change<OrderEffect>> {
    if !matches!(
        order.status,
        OrderStatus::Pending | OrderStatus::Backordered
    ) {
        return None;
    }
    let mut progress = Progress::new(order, context);
    let mut left = most;
    for index in 0..order.lines.len() {
        if order.lines[index].sku == *sku {
            left -= progress.take_back_ours(index, left);
        }
    }
    if left == most {
        return None;
    }
    progress.source_later();
    settle(progress)
}

/// Units of our own stock that a line has reserved.
#[must_use]
pub fn ours(line: &Line) -> i64 {
    if let Some(vendor) = &line.vendor {
        return if vendor.is_local() {
            line.quantities.reserved
        } else {
            0
        };
    }
    let own = line
        .sources
        .iter()
        .filter(|source| source.vendor.is_local());
    let held = own.filter(|source| source.reservation.state == ReservationState::Committed);
    held.map(|source| source.reservation.open()).sum()
}
