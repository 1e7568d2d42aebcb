//! What is wrong with an order as older clients send it, and where in its body.

use std::fmt;

use waybill_domain::echo::sentence;

use crate::http::json;

/// The field of the list of items.
pub const ITEMS: &str = "items";

/// One fault, and where it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    pub place: Place,
    pub message: String,
}

/// A place in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Body,
    Member(&'static str),
    Item(usize),
    MemberOfItem(usize, &'static str),
}

impl Place {
    /// As a JSON array: `["items",0,"quantity"]`.
    pub fn path(self) -> String {
        match self {
            Self::Body => "[]".into(),
            Self::Member(name) => format!("[{}]", json::text(name)),
            Self::Item(index) => format!("[\"{ITEMS}\",{index}]"),
            Self::MemberOfItem(index, name) => {
                format!("[\"{ITEMS}\",{index},{}]", json::text(name))
            }
        }
    }
}

/// As a person writes it: `items[0].quantity`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => f.write_str("body"),
            Self::Member(name) => f.write_str(name),
            Self::Item(index) => write!(f, "{ITEMS}[{index}]"),
            Self::MemberOfItem(index, name) => write!(f, "{ITEMS}[{index}].{name}"),
        }
    }
}

/// Faults listed at most.
const LISTED_FAULTS: usize = 50;
/// The faults of a body, as they are found.
#[derive(Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub fn add(&mut self, place: Place, message: impl Into<String>) {
        if self.0.len() < LISTED_FAULTS {
            self.0.push(Fault {
                place,
                message: sentence(message.into()),
            });
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, up to a bound.
    #[must_use]
    pub fn found(self) -> Vec<Fault> {
        self.0
    }
}

/// Why a body is no object whose members can be read.
pub fn malformed(error: &serde_json::Error, names: &[&'static str]) -> Fault {
    if error.classify() == serde_json::error::Category::Data {
        return no_object(error, names, Place::Body, Place::Member);
    }
    Fault {
        place: Place::Body,
        message: format!(
            "Malformed JSON at line {} column {}",
            error.line(),
            error.column()
        ),
    }
}

/// Why a value at a place is not the object that was expected.
pub fn no_object(
    error: &serde_json::Error,
    names: &[&'static str],
    place: Place,
    member: impl Fn(&'static str) -> Place,
) -> Fault {
    let message = error.to_string();
    let twice = message.strip_prefix("duplicate field `");
    let name = twice.and_then(|rest| rest.split('`').next());
    let name = name.and_then(|name| names.iter().find(|known| **known == name));
    match name {
        Some(name) => Fault {
            place: member(name),
            message: "Stands twice".into(),
        },
        None => Fault {
            place,
            message: "Expected an object".into(),
        },
    }
}
