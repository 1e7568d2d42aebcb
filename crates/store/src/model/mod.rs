//! The types that a store takes and returns, beyond those of the domain: a file for each owner of rows, as the traits.

mod base;
mod clients;
mod delivery;
mod inbox;
mod log;
mod orders;
mod relay;
mod samples;
mod stock;
mod work;

pub use base::{Identity, Page, PoolUse, Stats};
pub use clients::ClientMade;
pub use delivery::{DeliveryOf, DueTimers, ShipmentFilter};
pub use inbox::{
    Advance, Held, HeldId, HeldPlace, InboxBatch, InboxGeneration, InboxSource, NewDiscard, NewHeld,
};
pub use log::{
    ConsumerBatch, DamagedEnvelope, Flag, FlaggedRow, HeldLease, Lease, LeaseView, NewParked,
    Parked, ParkedOutcome, Positions,
};
pub use orders::{Accepted, OrderFilter, OrderRecord, OrderRef, Snapshot};
pub use relay::{
    RelayCommand, RelayFault, RelayNote, RelayPause, RelayStart, RelayState, Replay, ReplayProgress,
};
pub use samples::{SamplePlace, SampleRange, SampleRow};
pub use stock::{Decided, StockChange, StockOutcome};
pub use work::{LeasedWork, WorkOutcome};
