//! Values that a shell offers for an argument, and help lists. Other values are accepted too, because a newer server may
//! know more; the server checks them.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use waybill_domain::order::HoldReason;
use waybill_domain::shipment::ShipmentStatus;
use waybill_domain::status::OrderStatus;

use super::context::Contexts;
use crate::auth::Scope;

/// Takes any text and suggests some.
#[derive(Clone)]
pub struct Suggest(fn() -> Vec<&'static str>);

impl TypedValueParser for Suggest {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.0)().into_iter().map(PossibleValue::new)))
    }
}

pub fn order_status() -> Suggest {
    Suggest(|| OrderStatus::ALL.iter().map(|s| s.as_str()).collect())
}

pub fn shipment_status() -> Suggest {
    Suggest(|| ShipmentStatus::ALL.iter().map(|s| s.as_str()).collect())
}

pub fn hold_reason() -> Suggest {
    Suggest(|| HoldReason::ALL.iter().map(|r| r.as_str()).collect())
}

pub fn scope() -> Suggest {
    Suggest(|| Scope::ALL.iter().map(|s| s.name()).collect())
}

/// The contexts of this user, as they are when help or completions are printed.
pub fn context() -> Suggest {
    Suggest(|| {
        let contexts = Contexts::load().unwrap_or_default();
        // The argument parser wants names that live as long as the process; there are few.
        let names = contexts.names().map(|name| &*name.to_owned().leak());
        names.collect()
    })
}
