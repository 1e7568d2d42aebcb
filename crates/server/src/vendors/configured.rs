//! The vendors that the settings name.

use waybill_domain::problem::Problem;
use waybill_domain::text::Vendor;
use waybill_domain::vendor;

use super::address::{self, AddressFault};
use crate::config::{self, ConfigErrors};

/// The names of the vendors of two older variables.
const VENDOR_A: &str = "VendorA";
const VENDOR_B: &str = "VendorB";

/// Why a vendor of the settings cannot be entered.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfiguredFault {
    #[error("vendors.known has {0}; write NAME=URL")]
    NoPair(String),
    #[error("vendors.known: {0}")]
    Name(Problem),
    #[error("the address of {name}, {url}: {fault}")]
    Address {
        name: String,
        url: String,
        fault: AddressFault,
    },
}

/// Whether the vendors that the settings name can be entered.
///
/// # Errors
/// One cannot be.
pub fn check(settings: &config::Settings) -> Result<(), ConfigErrors> {
    let mut errors = ConfigErrors::default();
    if let Err(fault) = vendors(&settings.vendors) {
        errors.push("vendors", "vendors", None, fault.to_string());
    }
    errors.into_result(())
}

/// Their names and addresses.
///
/// # Errors
/// The first one that cannot be entered.
pub fn vendors(settings: &config::Vendors) -> Result<Vec<(Vendor, String)>, ConfiguredFault> {
    let pairs = settings.known.iter().map(|known| {
        let pair = known.split_once('=');
        pair.ok_or_else(|| ConfiguredFault::NoPair(known.clone()))
    });
    let mut pairs = pairs.collect::<Result<Vec<_>, _>>()?;
    pairs.push((VENDOR_A, &settings.vendor_a_url));
    pairs.push((VENDOR_B, &settings.vendor_b_url));
    let given = pairs.into_iter().filter(|(_, url)| !url.is_empty());
    given
        .map(|(name, url)| {
            let named = vendor::parse_name(name).map_err(ConfiguredFault::Name)?;
            let url = address::check(url, settings.plain_http).map_err(|fault| {
                ConfiguredFault::Address {
                    name: name.to_owned(),
                    url: url.to_owned(),
                    fault,
                }
            })?;
            Ok((named, url))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Profile, Settings};

    fn settings(known: &[&str], a: &str) -> config::Vendors {
        config::Vendors {
            known: known.iter().map(ToString::to_string).collect(),
            vendor_a_url: a.to_owned(),
            ..Settings::of_profile(Profile::Standard).vendors
        }
    }

    #[test]
    fn the_list_and_the_older_variables_name_vendors() {
        let named = vendors(&settings(
            &["North=https://n.example/"],
            "http://127.0.0.1:3001",
        ));
        let expected = [
            (Vendor::stored("North"), "https://n.example".to_owned()),
            (Vendor::stored(VENDOR_A), "http://127.0.0.1:3001".to_owned()),
        ];
        assert_eq!(named.expect("both are fine"), expected);
        assert_eq!(vendors(&settings(&[], "")), Ok(vec![]));
    }

    #[test]
    fn one_that_cannot_be_called_is_told_by_name() {
        let told = |known: &[&str]| {
            vendors(&settings(known, ""))
                .expect_err("wrong")
                .to_string()
        };
        assert!(told(&["North"]).contains("write NAME=URL"));
        assert!(told(&["local=https://n.example"]).contains("built-in"));
        let plain = told(&["North=http://n.example"]);
        assert!(
            plain.contains("North") && plain.contains("plain_http"),
            "{plain}"
        );
    }
}
