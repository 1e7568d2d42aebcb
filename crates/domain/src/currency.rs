//! Currencies: the active ISO 4217 codes and how many minor digits each has.

use crate::echo::quoted;
use crate::problem::{Problem, code};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An ISO 4217 alphabetic currency code with its number of minor digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency {
    code: [u8; 3],
    digits: u8,
}

/// Active ISO 4217 codes, grouped by their number of minor digits.
const CURRENCIES: [(u8, &str); 4] = [
    (
        0,
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    ),
    (
        2,
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE \
         CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL \
         HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR \
         MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK \
         SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD \
         XCG YER ZAR ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

impl Currency {
    /// US dollars, where a dialect names no currency.
    pub const USD: Self = Self {
        code: *b"USD",
        digits: 2,
    };

    /// No currency (ISO 4217's XXX): whole numbers, read by the same strict rules.
    pub const WHOLE: Self = Self {
        code: *b"XXX",
        digits: 0,
    };

    /// Reads a code as `EUR`.
    ///
    /// # Errors
    /// `unknown_currency`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let unknown = || {
            Problem::new(
                code::UNKNOWN_CURRENCY,
                "currency",
                format!("expected an ISO 4217 code as EUR; found {}", quoted(text)),
            )
        };
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| unknown())?;
        if code == *b"USD" {
            return Ok(Self::USD);
        }
        if !code.iter().all(u8::is_ascii_uppercase) {
            return Err(unknown());
        }
        let found = CURRENCIES
            .iter()
            .find(|(_, codes)| codes.split(' ').any(|c| c == text));
        found
            .map(|(digits, _)| Self {
                code,
                digits: *digits,
            })
            .ok_or_else(unknown)
    }

    /// The three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.code).expect("codes are ASCII letters")
    }

    /// Minor digits: 2 for EUR, 0 for JPY.
    #[must_use]
    pub fn digits(&self) -> u32 {
        u32::from(self.digits)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_known_or_refused() {
        assert_eq!(Currency::parse("KWD").unwrap().digits(), 3);
        for bad in ["", "eur", "EURO", "XXY", "E R", "ÄÖ"] {
            assert_eq!(
                Currency::parse(bad).unwrap_err().code,
                code::UNKNOWN_CURRENCY,
                "{bad}"
            );
        }
    }
}
