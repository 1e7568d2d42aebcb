//! Moves of the units that a line holds at its sources: our own stock, one vendor or several.

use super::leaving::{Leaving, units_of};
use super::{Progress, ships_in_parts};
use crate::backorder;
use crate::context::RequestIds;
use crate::event::body;
use crate::order::{Line, Order, Source};
use crate::reservation::{ReservationMove, ReservedUnits, Units};
use crate::shipment::ShipmentStatus;
use crate::sourcing_task::SourcingTask;
use crate::text::{Sku, Vendor};
use crate::time::Time;
use crate::vendor_call::VendorCall;
use std::collections::BTreeSet;

impl Progress<'_, '_> {
    /// Units of line `index` that a vendor has agreed to, or of our own stock, leave their reservations.
    pub(super) fn leave(&mut self, index: usize, units: i64, leaving: Leaving) {
        if !self.order.lines[index].sources.is_empty() {
            self.leave_sources(index, units, leaving);
        } else if let Some(units) = self.reserved_units(index, units) {
            self.reservations.push(leaving.of(units));
        }
    }

    /// Units in the reservation of line `index`. Units agreed to by the inventory service, and lines without a source,
    /// have none.
    fn reserved_units(&self, index: usize, units: i64) -> Option<ReservedUnits> {
        let line = &self.order.lines[index];
        let vendor = line.vendor.clone()?;
        if vendor.as_str() == Vendor::INVENTORY {
            return None;
        }
        Some(ReservedUnits {
            line: line.id,
            sku: line.sku.clone(),
            vendor,
            attempt: None,
            units: Units::new(units)?,
        })
    }

    /// Takes units out of the sources of line `index`: first from the vendor whose parcel the fact is about.
    fn leave_sources(&mut self, index: usize, mut units: i64, leaving: Leaving) {
        let free = self.free_units(index, leaving);
        let line = &self.order.lines[index];
        let mut order: Vec<usize> = (0..line.sources.len()).collect();
        order.sort_by_key(|of| Some(&line.sources[*of].vendor) != self.parcel_of.as_ref());
        for of in order {
            let moved = free[of].min(units);
            units -= moved.max(0);
            self.leave_source(index, of, moved, leaving);
        }
    }

    /// The units of each source of line `index` that may leave.
    fn free_units(&self, index: usize, leaving: Leaving) -> Vec<i64> {
        let line = &self.order.lines[index];
        let mut packed: Vec<(&Vendor, i64)> = vec![];
        if leaving == Leaving::Unpacked {
            for shipment in &self.order.shipments {
                let is_here = shipment.status == ShipmentStatus::Processing;
                let lines = shipment
                    .lines
                    .iter()
                    .filter(|l| is_here && l.line == line.id);
                packed.push((&shipment.vendor, lines.map(|l| l.quantity).sum()));
            }
        }
        let free = |source: &Source| {
            let mut left = source.agreed();
            for (_, packed) in packed.iter_mut().filter(|(v, _)| **v == source.vendor) {
                let kept = left.min(*packed);
                left -= kept;
                *packed -= kept;
            }
            left
        };
        line.sources.iter().map(free).collect()
    }

    fn leave_source(&mut self, index: usize, of: usize, units: i64, leaving: Leaving) {
        let line = &self.order.lines[index];
        let source = &line.sources[of];
        let before = source.reservation.released;
        let Some(units) = Units::new(units) else {
            return;
        };
        let units = units_of(line, source, units);
        let is_vendors = units.vendor.as_str() != Vendor::LOCAL;
        if leaving != Leaving::Shipped && is_vendors {
            let cause = self.context.meta.request();
            let call = VendorCall::restore(self.order.id, &units, before, cause);
            self.ask(&call);
        }
        self.move_source(index, of, leaving.of(units));
    }

    /// Writes a move of a source of line `index`, and takes it in.
    pub fn move_source(&mut self, index: usize, of: usize, step: ReservationMove) {
        let source = &mut self.order.lines[index].sources[of];
        let after = step.after(Some(source.reservation));
        debug_assert!(after.is_ok(), "{step:?} on {source:?}");
        if let Ok(after) = after {
            source.reservation = after;
            self.reservations.push(step);
        }
    }

    /// Gives line `index` a new source.
    pub fn open_source(&mut self, index: usize, step: ReservationMove) {
        let line = &mut self.order.lines[index];
        let source = Source::opened(&step);
        debug_assert!(source.is_some(), "{step:?} makes no reservation");
        if let Some(source) = source {
            line.sources.push(source);
            line.sources
                .sort_by(|a, b| (&a.vendor, a.attempt).cmp(&(&b.vendor, b.attempt)));
            self.reservations.push(step);
        }
    }

    /// Has a vendor asked.
    pub fn ask(&mut self, call: &VendorCall) {
        let piece = call.work(&self.order.tenant, self.order.id, self.context.now);
        self.work.push(piece);
    }

    /// The request that this decision follows from.
    pub fn cause(&self) -> RequestIds {
        self.context.meta.request()
    }

    /// The vendors that are being asked for units of line `index` need not be any more.
    pub(super) fn give_up_asked(&mut self, index: usize) {
        for of in 0..self.order.lines[index].sources.len() {
            self.give_up_source(index, of);
        }
    }

    fn give_up_source(&mut self, index: usize, of: usize) {
        let line = &self.order.lines[index];
        let source = &line.sources[of];
        let units = Units::new(source.reservation.open()).filter(|_| source.is_asked());
        if let Some(units) = units {
            let units = units_of(line, source, units);
            self.move_source(index, of, ReservationMove::GiveUp(units));
        }
    }

    /// Takes up to `most` units of our own stock back from line `index`, which waits for them again; returns how many.
    pub fn take_back_ours(&mut self, index: usize, most: i64) -> i64 {
        let line = &self.order.lines[index];
        let units = backorder::ours(line).min(most).max(0);
        if units == 0 {
            return 0;
        }
        if line.sources.is_empty() {
            self.leave(index, units, Leaving::GivenBack);
        }
        let mut left = units;
        for of in 0..self.order.lines[index].sources.len() {
            let source = &self.order.lines[index].sources[of];
            if source.vendor.is_local() {
                let taken = source.agreed().min(left);
                left -= taken;
                self.leave_source(index, of, taken, Leaving::GivenBack);
            }
        }
        let line = &mut self.order.lines[index];
        // From now on it may come from several sources.
        line.vendor = None;
        line.quantities.reserved -= units;
        line.quantities.backordered += units;
        units
    }

    /// The order does not wait any longer for vendors whose time has passed.
    pub fn give_up_overdue(&mut self, now: Time) {
        for index in 0..self.order.lines.len() {
            for of in 0..self.order.lines[index].sources.len() {
                let expires_at = self.order.lines[index].sources[of].reservation.expires_at;
                if expires_at.is_some_and(|at| at <= now) {
                    self.give_up_source(index, of);
                }
            }
        }
    }

    /// Where units that delivery may ship from now on come from: the vendors that have just agreed to them, or the vendor
    /// whose parcel they were in before it was called off. Empty for a line with one source.
    pub(super) fn released_sources(&self, line: u16, quantity: i64) -> Vec<body::Source> {
        if quantity == 0 {
            return vec![];
        }
        if let Some(vendor) = self.parcel_of.clone() {
            return vec![body::Source { vendor, quantity }];
        }
        let agreed = |order: &Order| {
            let mut lines = order.lines.iter();
            let line = lines.find(|of| of.id == line);
            line.map(Line::agreed).unwrap_or_default()
        };
        let known = if ships_in_parts(self.before.status) {
            agreed(self.before)
        } else {
            vec![]
        };
        let mut new = agreed(&self.order);
        for of in &mut new {
            let before = known.iter().find(|known| known.vendor == of.vendor);
            of.quantity -= before.map_or(0, |known| known.quantity);
        }
        new.retain(|of| of.quantity > 0);
        new
    }

    /// Has sources found for what the order misses.
    pub fn source_later(&mut self) {
        self.source_by(&SourcingTask::Source);
    }

    /// The same, whatever vendors said before.
    pub fn source_anew(&mut self) {
        self.source_by(&SourcingTask::SourceAnew);
    }

    fn source_by(&mut self, task: &SourcingTask) {
        let id = self.context.ids.next();
        let piece = task.of_order(id, self.order.id, self.context.now);
        self.work.push(piece);
    }

    /// The order waits for stock until the date that its customer was promised, if there is one.
    pub fn wait_until_promised(&mut self) {
        let promised = self.order.promised_by;
        let piece = promised.map(|at| SourcingTask::end_wait(self.order.id, at));
        self.work.extend(piece);
    }

    /// Has units of our own stock that were released handed out to orders that wait for them.
    pub(super) fn hand_out_released(&mut self) {
        let ours = |step: &ReservationMove| match step {
            ReservationMove::Release(units) if units.vendor.is_local() => Some(units.sku.clone()),
            _ => None,
        };
        let skus = self.reservations.iter().filter_map(ours).collect();
        self.hand_out_ours(skus);
    }

    /// Has our own stock looked at for what the order misses.
    pub fn look_at_ours(&mut self) {
        let short = self.order.lines.iter().filter(|line| line.missing() > 0);
        let skus = short.map(|line| line.sku.clone()).collect();
        self.hand_out_ours(skus);
    }

    fn hand_out_ours(&mut self, skus: BTreeSet<Sku>) {
        for sku in skus {
            let id = self.context.ids.next();
            let piece = SourcingTask::fill(id, &sku, Some(&Vendor::local()), self.context.now);
            self.work.push(piece);
        }
    }
}
