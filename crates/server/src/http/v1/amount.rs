//! Amounts and quantities from their JSON text, exactly: decimal strings, or numbers read as they are written.

use std::borrow::Cow;

use serde_json::value::RawValue;
use waybill_domain::money::{Currency, Minor, UnitPrice};
use waybill_domain::refusal::{Problem, code};

/// The decimal text of a value that is a string or a number.
fn decimal<'a>(field: &str, raw: &'a RawValue) -> Result<Cow<'a, str>, Problem> {
    let text = raw.get();
    if text.starts_with('"') {
        let read: Cow<'a, str> = match text.get(1..text.len() - 1) {
            Some(plain) if !plain.contains('\\') => plain.into(),
            // An escape in an amount is odd but legal JSON.
            _ => serde_json::from_str::<String>(text)
                .unwrap_or_default()
                .into(),
        };
        return Ok(read);
    }
    if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return Ok(text.into());
    }
    let detail = "expected an amount as \"12.90\" or 12.90";
    Err(Problem::new(code::WRONG_TYPE, field, detail))
}

fn of(field: &str, problem: Problem) -> Problem {
    Problem {
        field: field.to_owned(),
        ..problem
    }
}

fn negative(field: &str, text: &str) -> Problem {
    let detail = format!("must not be negative; found {text}");
    Problem::new(code::INVALID_AMOUNT, field, detail)
}

/// An amount that is zero or more.
///
/// # Errors
/// `wrong_type`, `invalid_amount`, `too_many_digits` or `amount_out_of_range`, naming `field`.
pub fn minor(field: &str, raw: &RawValue, currency: Currency) -> Result<Minor, Problem> {
    let text = decimal(field, raw)?;
    let amount = Minor::parse(&text, currency).map_err(|problem| of(field, problem))?;
    if amount.0 < 0 {
        return Err(negative(field, &text));
    }
    Ok(amount)
}

/// A price per unit that is zero or more; it may have four digits more than its currency.
///
/// # Errors
/// As [`minor`].
pub fn unit_price(field: &str, raw: &RawValue, currency: Currency) -> Result<UnitPrice, Problem> {
    let text = decimal(field, raw)?;
    let price = UnitPrice::parse(&text, currency).map_err(|problem| of(field, problem))?;
    if price.is_negative() {
        return Err(negative(field, &text));
    }
    Ok(price)
}

/// A whole number of units from 1 to `most`.
///
/// # Errors
/// `wrong_type` or `invalid_quantity`, naming `field`.
pub fn quantity(field: &str, raw: &RawValue, most: u32) -> Result<i64, Problem> {
    let text = raw.get();
    if !text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        let detail = "expected a whole number";
        return Err(Problem::new(code::WRONG_TYPE, field, detail));
    }
    // Read as decimal text, so that 2.0 is whole and 1.5 is not.
    let read = Minor::parse(text, Currency::WHOLE).ok().map(|n| n.0);
    read.filter(|n| (1..=i64::from(most)).contains(n))
        .ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            let detail = format!("a whole number from 1 to {most}; found {shown}");
            Problem::new(code::INVALID_QUANTITY, field, detail)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).expect("valid JSON")
    }

    #[test]
    fn a_number_and_a_string_of_the_same_digits_are_the_same_amount() {
        let eur = Currency::parse("EUR").unwrap();
        for text in ["29.70", "\"29.70\"", "29.7", "2970e-2", "\"29.\\u00370\""] {
            assert_eq!(minor("total", &raw(text), eur), Ok(Minor(2_970)), "{text}");
        }
        assert_eq!(
            unit_price("p", &raw("0.123456"), eur)
                .unwrap()
                .show(eur)
                .to_string(),
            "0.123456"
        );
    }

    #[test]
    fn what_is_no_amount_is_refused_with_its_field() {
        let eur = Currency::parse("EUR").unwrap();
        for (text, expected) in [
            ("true", code::WRONG_TYPE),
            ("{}", code::WRONG_TYPE),
            ("-1", code::INVALID_AMOUNT),
            ("\"\"", code::INVALID_AMOUNT),
            ("\"NaN\"", code::INVALID_AMOUNT),
            ("29.999", code::TOO_MANY_DIGITS),
            ("1e30", code::AMOUNT_OUT_OF_RANGE),
        ] {
            let problem = minor("total", &raw(text), eur).unwrap_err();
            assert_eq!(
                (problem.code, problem.field.as_str()),
                (expected, "total"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_quantity_is_whole_positive_and_bounded() {
        assert_eq!(quantity("q", &raw("2.0"), 10), Ok(2));
        for text in ["0", "-1", "1.5", "11", "1e99", "99999999999999999999"] {
            assert_eq!(
                quantity("q", &raw(text), 10).unwrap_err().code,
                code::INVALID_QUANTITY,
                "{text}"
            );
        }
        assert_eq!(
            quantity("q", &raw("\"2\""), 10).unwrap_err().code,
            code::WRONG_TYPE
        );
    }
}
