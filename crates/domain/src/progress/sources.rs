//! Moves of the units that a line holds at its sources: our own stock, one vendor or several.

use super::Progress;
use super::leaving::{Leaving, units_of};
use crate::context::RequestIds;
use crate::event::body;
use crate::order::Source;
use crate::reservation::{ReservationMove, ReservedUnits, Units};
use crate::shipment::ShipmentStatus;
use crate::text::Vendor;
use crate::vendor_call::VendorCall;

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
            let line = &self.order.lines[index];
            let source = &line.sources[of];
            let units = Units::new(source.reservation.open()).filter(|_| source.is_asked());
            if let Some(units) = units {
                let units = units_of(line, source, units);
                self.move_source(index, of, ReservationMove::GiveUp(units));
            }
        }
    }

    /// Where released units come from: they were in a parcel that was called off.
    pub(super) fn released_sources(&self, quantity: i64) -> Vec<body::Source> {
        let vendor = self.parcel_of.clone().filter(|_| quantity > 0);
        let of = vendor.map(|vendor| body::Source { vendor, quantity });
        of.into_iter().collect()
    }
}
