//! A shipment: its steps and their events.

mod copy;
mod record;
mod status;
mod update;

pub use copy::ShipmentCopy;
pub use record::Shipment;
pub use status::{STEPS, ShipmentStatus};
pub use update::{Update, report, update};
