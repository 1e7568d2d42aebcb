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
use crate::text::Sku;
use crate::time::Time;
use std::collections::BTreeSet;

/// What an order's missing units can come from.
#[derive(Clone, Debug)]
pub struct Supply {
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
    let needs = needs(&progress.order);
    let expires_at = round(order, progress.now()).unwrap_or(supply.expires_at);
    let offers = willing(order, &supply.offers, expires_at);
    // What the inventory service has not is nothing to wait for: nobody tells when there is more.
    let mut lines = progress.order.lines.iter();
    let may_wait =
        order.may_wait() && !lines.any(|line| line.is_of_inventory() && line.missing() > 0);
    let plan = match sourcing::plan(&needs, &offers) {
        Ok(plan) => plan,
        Err(_) if may_wait => sourcing::plan_available(&needs, &offers),
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
    let waits = progress.order.flags.sourcing && is_short && !progress.order.is_asking();
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

/// The units that no source is asked for. Those of the inventory service are not to be had from anybody else, so no
/// offer has them.
fn needs(order: &Order) -> Vec<Need> {
    let short = order.lines.iter().filter(|line| line.missing() > 0);
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
    // An order that may not wait is sourced again only by a retry, which begins anew.
    let goes_on = order.may_wait() && order.flags.sourcing;
    let running = times.filter(|at| *at > now && goes_on);
    running.max()
}

/// The offers without those of vendors that have refused units of the order in this round.
fn willing(order: &Order, offers: &[Offer], expires_at: Time) -> Vec<Offer> {
    let mut willing = offers.to_vec();
    for offer in &mut willing {
        let vendor = offer.vendor.clone();
        let refused = order
            .lines
            .iter()
            .filter(|line| refused_in(line, &vendor, Some(expires_at)));
        for line in refused {
            offer.available.remove(&line.sku);
        }
    }
    willing
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
