//! A shipment: its steps, and the events they make.

mod record;
mod status;
mod update;

pub use record::Shipment;
pub use status::{STEPS, ShipmentStatus};
pub use update::{Update, report, update};
