//! How the service whose store this is is recorded in `meta`; the same in both drivers.

use crate::error::{Error, Result};
use waybill_domain::service::Service;

/// The key in `meta`.
pub const KEY: &str = "service";

/// Reads the record.
///
/// # Errors
/// It names no service of this version.
pub fn read(text: &str) -> Result<Service> {
    let damaged = || Error::damaged_row("meta", format!("{KEY} is {text}"));
    Service::parse(text).ok_or_else(damaged)
}
