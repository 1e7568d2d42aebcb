//! The interface of a store, one trait for each owner of rows. Calls are in batches; every driver passes `conformance`.
//!
//! A role holds the traits of the rows that it uses, and no others: the role `delivery` runs on a store of
//! [`DeliveryStore`] and [`LogStore`]. [`Store`] is all of them, for a backend that holds every row.

mod archive;
mod base;
mod claims;
mod clients;
mod delivery;
mod effect;
mod effect_store;
mod inbox;
mod log;
mod orders;
mod relay;
mod samples;
mod service;
mod stock;
mod vendors;
mod work;

pub use archive::ArchiveStore;
pub use base::{CommitListener, Now, StoreBase};
pub use claims::ClaimStore;
pub use clients::ClientStore;
pub use delivery::DeliveryStore;
pub use effect::Effect;
pub use effect_store::EffectStore;
pub use inbox::InboxStore;
pub use log::LogStore;
pub use orders::OrderStore;
pub use relay::{NoRows, RelayStore};
pub use samples::SampleStore;
pub use service::ServiceStore;
pub use stock::StockStore;
pub use vendors::VendorStore;
pub use work::WorkStore;

/// A store of all rows. The crate's documentation says what `Ok` and `Err` guarantee.
pub trait Store:
    OrderStore
    + DeliveryStore
    + StockStore
    + VendorStore
    + LogStore
    + WorkStore
    + ClaimStore
    + ClientStore
    + InboxStore
    + RelayStore
    + ServiceStore
    + ArchiveStore
    + SampleStore
{
}

impl<S> Store for S where
    S: OrderStore
        + DeliveryStore
        + StockStore
        + VendorStore
        + LogStore
        + WorkStore
        + ClaimStore
        + ClientStore
        + InboxStore
        + RelayStore
        + ServiceStore
        + ArchiveStore
        + SampleStore
{
}
