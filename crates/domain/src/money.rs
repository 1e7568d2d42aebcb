//! Amounts, read exactly from decimal text and never through a float.
//!
//! Totals are whole minor units of an ISO 4217 currency; a unit price may have up to
//! [`PRICE_DIGITS`] digits more. Rounding happens once per line, by default half to even
//! (IEEE 754 roundTiesToEven).

use crate::echo::Echo;
use crate::echo::quoted;
use crate::problem::{Problem, code};
use crate::status::named_enum;
use serde::{Deserialize, Serialize};
use std::fmt;

pub use crate::currency::Currency;

/// Digits a unit price may have beyond its currency's.
pub const PRICE_DIGITS: u32 = 4;
const PRICE_SCALE: i64 = 10_i64.pow(PRICE_DIGITS);

/// An amount in whole minor units (cents) of the order's currency.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Minor(pub i64);

/// A price per unit, in 1/10,000 of a minor unit.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnitPrice(i64);

named_enum!(
    /// How exactly half a minor unit is rounded in the price of a line.
    Rounding {
        /// To the even neighbour: 3.345 becomes 3.34, 3.355 becomes 3.36.
        HalfEven = "half_even",
        /// Away from zero, as most shops do: 3.345 becomes 3.35. Prices are never negative.
        HalfUp = "half_up",
    }
);

impl Rounding {
    /// The rule in words.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::HalfEven => "half to even",
            Self::HalfUp => "half up",
        }
    }
}

/// The decimal number in `text` times 10^`scale`, exactly. JSON's exponent form is understood.
///
/// # Errors
/// `invalid_amount` (no decimal number), `too_many_digits`, `amount_out_of_range`.
fn scaled(text: &str, scale: u32) -> Result<i64, Problem> {
    let invalid = || {
        Problem::new(
            code::INVALID_AMOUNT,
            "",
            format!("expected a decimal number as 12.90; found {}", quoted(text)),
        )
    };
    let too_big = || {
        Problem::new(
            code::AMOUNT_OUT_OF_RANGE,
            "",
            format!("{} is too large", Echo(text)),
        )
    };
    if text.len() > 64 {
        return Err(invalid());
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| invalid())?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty()
        || !all_digits(whole)
        || !all_digits(fraction)
        || (digits.contains('.') && fraction.is_empty())
        || exponent.abs() > 40
    {
        return Err(invalid());
    }
    let mut value: i128 = 0;
    let mut places = i64::from(exponent) - fraction.len() as i64 + i64::from(scale);
    for digit in whole.bytes().chain(fraction.bytes()) {
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(i128::from(digit - b'0')))
            .ok_or_else(too_big)?;
    }
    while places > 0 && value != 0 {
        value = value.checked_mul(10).ok_or_else(too_big)?;
        places -= 1;
    }
    while places < 0 && value != 0 {
        if value % 10 != 0 {
            return Err(Problem::new(
                code::TOO_MANY_DIGITS,
                "",
                format!(
                    "at most {scale} digits after the point; found {}",
                    Echo(text)
                ),
            ));
        }
        value /= 10;
        places += 1;
    }
    i64::try_from(if negative { -value } else { value }).map_err(|_| too_big())
}

fn write_scaled(f: &mut fmt::Formatter<'_>, value: i64, scale: u32, at_least: u32) -> fmt::Result {
    let unit = 10_u64.pow(scale);
    let magnitude = value.unsigned_abs();
    let sign = if value < 0 { "-" } else { "" };
    write!(f, "{sign}{}", magnitude / unit)?;
    let mut fraction = magnitude % unit;
    let mut width = scale;
    while width > at_least && fraction.is_multiple_of(10) {
        fraction /= 10;
        width -= 1;
    }
    if width > 0 {
        write!(f, ".{fraction:0width$}", width = width as usize)
    } else {
        Ok(())
    }
}

/// Shows an amount with its currency's digits, or in the shortest form that is exact.
pub struct Shown {
    value: i64,
    scale: u32,
    at_least: u32,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.value, self.scale, self.at_least)
    }
}

impl Minor {
    /// Reads `29.99` as 2999 for a currency of two digits.
    ///
    /// # Errors
    /// `invalid_amount`, `too_many_digits`, `amount_out_of_range`; the field is left empty.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, Problem> {
        scaled(text, currency.digits()).map(Self)
    }

    /// `29.90`: all the currency's digits.
    #[must_use]
    pub fn show(self, currency: Currency) -> Shown {
        Shown {
            value: self.0,
            scale: currency.digits(),
            at_least: currency.digits(),
        }
    }

    /// `29.9`: as JSON numbers are commonly printed.
    #[must_use]
    pub fn show_short(self, currency: Currency) -> Shown {
        Shown {
            value: self.0,
            scale: currency.digits(),
            at_least: 0,
        }
    }

    /// The sum, if it fits.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, if it fits.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

impl UnitPrice {
    /// Reads a price with up to [`PRICE_DIGITS`] digits more than the currency's.
    ///
    /// # Errors
    /// As [`Minor::parse`].
    pub fn parse(text: &str, currency: Currency) -> Result<Self, Problem> {
        scaled(text, currency.digits() + PRICE_DIGITS).map(Self)
    }

    /// Reads a price with no more digits than the currency's (as the dialects demand).
    ///
    /// # Errors
    /// As [`Minor::parse`].
    pub fn parse_plain(text: &str, currency: Currency) -> Result<Self, Problem> {
        let minor = scaled(text, currency.digits())?;
        let price = minor.checked_mul(PRICE_SCALE).map(Self);
        price.ok_or_else(|| {
            Problem::new(
                code::AMOUNT_OUT_OF_RANGE,
                "",
                format!("{} is too large", Echo(text)),
            )
        })
    }

    /// Whether the price is below zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether the price is zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The price of `quantity` units, rounded to a minor unit; `None` when it does not fit.
    #[must_use]
    pub fn times(self, quantity: i64, rounding: Rounding) -> Option<Minor> {
        let exact = i128::from(self.0) * i128::from(quantity);
        let scale = i128::from(PRICE_SCALE);
        let (quotient, rest) = (exact.div_euclid(scale), exact.rem_euclid(scale));
        let half_is_up = match rounding {
            Rounding::HalfEven => quotient % 2 != 0,
            Rounding::HalfUp => true,
        };
        let up = rest * 2 > scale || (rest * 2 == scale && half_is_up);
        i64::try_from(quotient + i128::from(up)).ok().map(Minor)
    }

    /// Whether the price of `quantity` units has digits beyond a minor unit.
    #[must_use]
    pub fn is_rounded(self, quantity: i64) -> bool {
        i128::from(self.0) * i128::from(quantity) % i128::from(PRICE_SCALE) != 0
    }

    /// At least the currency's digits, more only where they are needed: `12.90`, `0.125`.
    #[must_use]
    pub fn show(self, currency: Currency) -> Shown {
        Shown {
            value: self.0,
            scale: currency.digits() + PRICE_DIGITS,
            at_least: currency.digits(),
        }
    }

    /// The shortest form that is exact: `12.9`.
    #[must_use]
    pub fn show_short(self, currency: Currency) -> Shown {
        Shown {
            value: self.0,
            scale: currency.digits() + PRICE_DIGITS,
            at_least: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn eur() -> Currency {
        Currency::parse("EUR").unwrap()
    }

    #[test]
    fn amounts_are_read_exactly() {
        for (text, minor) in [
            ("29.99", 2_999),
            ("0", 0),
            ("-0.01", -1),
            ("1e2", 10_000),
            ("2.999E1", 2_999),
            ("29.990000", 2_999),
            ("0.1e1", 100),
            ("90071992547409.93", 9_007_199_254_740_993),
        ] {
            assert_eq!(
                Minor::parse(text, Currency::USD),
                Ok(Minor(minor)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_total_with_too_many_digits_is_refused() {
        assert_eq!(
            Minor::parse("29.999", Currency::USD).unwrap_err().code,
            code::TOO_MANY_DIGITS
        );
        assert_eq!(
            Minor::parse("1e-3", Currency::USD).unwrap_err().code,
            code::TOO_MANY_DIGITS
        );
        assert_eq!(
            Minor::parse("1.5", Currency::parse("JPY").unwrap())
                .unwrap_err()
                .code,
            code::TOO_MANY_DIGITS
        );
    }

    #[test]
    fn what_is_no_decimal_number_is_refused() {
        for bad in [
            "", ".", "1.", ".5", "+1", "1,5", "NaN", "Infinity", "0x10", "1e", "1e999", "--1",
            " 1", "1_000",
        ] {
            assert_eq!(
                Minor::parse(bad, Currency::USD).unwrap_err().code,
                code::INVALID_AMOUNT,
                "{bad}"
            );
        }
        for huge in [
            "92233720368547758.08",
            "1e30",
            "99999999999999999999999999999999999999999999",
        ] {
            assert_eq!(
                Minor::parse(huge, Currency::USD).unwrap_err().code,
                code::AMOUNT_OUT_OF_RANGE,
                "{huge}"
            );
        }
    }

    #[test]
    fn a_line_is_rounded_half_to_even_once() {
        for (price, quantity, total) in [
            ("0.125", 1, 12),
            ("0.135", 1, 14),
            ("0.0049", 1, 0),
            ("0.0051", 1, 1),
            ("0.0025", 2, 0),
            ("0.0033", 3, 1),
            ("12.90", 2, 2_580),
        ] {
            assert_eq!(
                UnitPrice::parse(price, eur())
                    .unwrap()
                    .times(quantity, Rounding::HalfEven),
                Some(Minor(total)),
                "{price} x {quantity}"
            );
        }
        assert_eq!(UnitPrice(i64::MAX).times(i64::MAX, Rounding::HalfUp), None);
    }

    #[test]
    fn half_up_rounds_every_half_away_from_zero() {
        for (price, quantity, total) in [
            ("1.115", 3, 335),
            ("0.125", 1, 13),
            ("0.135", 1, 14),
            ("0.1249", 1, 12),
            ("12.90", 2, 2_580),
        ] {
            let price = UnitPrice::parse(price, eur()).unwrap();
            assert_eq!(price.times(quantity, Rounding::HalfUp), Some(Minor(total)));
        }
    }

    #[test]
    fn prices_show_their_digits() {
        let price = |text| UnitPrice::parse(text, eur()).unwrap();
        assert_eq!(price("12.9").show(eur()).to_string(), "12.90");
        assert_eq!(price("0.125").show(eur()).to_string(), "0.125");
        assert_eq!(price("12.90").show_short(eur()).to_string(), "12.9");
        assert_eq!(price("30.00").show_short(eur()).to_string(), "30");
        assert_eq!(
            UnitPrice::parse("29.999", eur()).map(|p| p.show(eur()).to_string()),
            Ok("29.999".into())
        );
        assert_eq!(
            UnitPrice::parse_plain("29.999", eur()).unwrap_err().code,
            code::TOO_MANY_DIGITS
        );
        assert_eq!(
            UnitPrice::parse_plain("29.990", eur()).map(|p| p.show(eur()).to_string()),
            Ok("29.99".into())
        );
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(minor: i64) {
            for code in ["USD", "JPY", "KWD", "CLF"] {
                let currency = Currency::parse(code).unwrap();
                prop_assert_eq!(Minor::parse(&Minor(minor).show(currency).to_string(), currency), Ok(Minor(minor)));
                prop_assert_eq!(Minor::parse(&Minor(minor).show_short(currency).to_string(), currency), Ok(Minor(minor)));
                prop_assert_eq!(UnitPrice::parse(&UnitPrice(minor).show(currency).to_string(), currency), Ok(UnitPrice(minor)));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,70}") {
            let _ = Minor::parse(&text, Currency::USD);
            let _ = UnitPrice::parse(&text, Currency::USD);
        }
    }
}
