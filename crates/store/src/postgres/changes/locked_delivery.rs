//! Locks of delivery's side: deliveries and shipments.

use super::super::lock;
use super::super::pipeline::{Answers, Handle, Pipeline, Rows};
use super::super::rows::Columns;
use super::locked::{by_id, distinct, expect_version, rows_of};
use crate::error::Result;
use std::collections::HashMap;
use uuid::Uuid;
use waybill_domain::change::{Change, DeliveryEffect};

/// Rows of deliveries that changes are about to write.
pub struct WantedDeliveries {
    deliveries: Vec<Uuid>,
    shipments: Vec<Uuid>,
}

impl WantedDeliveries {
    pub fn of(changes: &[&Change<DeliveryEffect>]) -> Self {
        let each = || changes.iter().map(|c| &c.effect);
        let deliveries = each().filter_map(|e| Some(e.delivery.as_ref()?.after.order_id.0));
        Self {
            deliveries: distinct(deliveries),
            shipments: distinct(each().flat_map(|e| e.shipments.iter().map(|s| s.after.id.0))),
        }
    }

    /// Adds the locks, class by class.
    pub fn lock<'p>(&'p self, pipeline: &mut Pipeline<'p>) -> DeliveryLocks {
        // Fields are evaluated in the order in which they are written: that of the classes.
        DeliveryLocks {
            deliveries: by_id(pipeline, &lock::DELIVERIES, &self.deliveries),
            shipments: by_id(pipeline, &lock::SHIPMENTS, &self.shipments),
        }
    }
}

/// The locks that were asked for, class by class.
pub struct DeliveryLocks {
    deliveries: Option<Handle<Rows>>,
    shipments: Option<Handle<Rows>>,
}

/// The state of the locked rows of deliveries.
#[derive(Default)]
pub struct LockedDeliveries {
    deliveries: HashMap<Uuid, i64>,
    shipments: HashMap<Uuid, i64>,
}

impl LockedDeliveries {
    /// Reads the state of the locked rows.
    pub fn read(locks: DeliveryLocks, answers: &mut Answers) -> Result<Self> {
        let mut locked = Self::default();
        for (versions, class) in [
            (&mut locked.deliveries, locks.deliveries),
            (&mut locked.shipments, locks.shipments),
        ] {
            for row in rows_of(answers, class) {
                let mut c = Columns::of(&row);
                versions.insert(c.uuid()?, c.get()?);
            }
        }
        Ok(locked)
    }

    /// Takes an effect in if it was decided on the rows' present versions.
    pub fn take(&mut self, effect: &DeliveryEffect) -> Result<()> {
        self.check(effect)?;
        if let Some(delivery) = &effect.delivery {
            let after = &delivery.after;
            self.deliveries.insert(after.order_id.0, after.revision);
        }
        for shipment in &effect.shipments {
            let after = &shipment.after;
            self.shipments.insert(after.id.0, after.version);
        }
        Ok(())
    }

    fn check(&self, effect: &DeliveryEffect) -> Result<()> {
        if let Some(delivery) = &effect.delivery {
            let (id, revision) = (delivery.after.order_id.0, delivery.expected_revision);
            expect_version(&self.deliveries, id, revision, "the delivery")?;
        }
        for shipment in &effect.shipments {
            let (id, version) = (shipment.after.id.0, shipment.expected_version);
            expect_version(&self.shipments, id, version, "the shipment")?;
        }
        Ok(())
    }
}
