//! Amounts and quantities from their JSON text, exactly: decimal strings, or numbers read as they are written.

use std::borrow::Cow;

use serde_json::value::RawValue;
use waybill_domain::echo::Echo;
use waybill_domain::money::{Currency, Minor, UnitPrice};
use waybill_domain::problem::{Problem, code};

/// The decimal text of a value that is a string or a number.
fn decimal<'a>(field: &str, raw: &'a RawValue) -> Result<Cow<'a, str>, Problem> {
    let text = raw.get();
    if text.starts_with('"') {
        let read: Cow<'a, str> = match text.get(1..text.len() - 1) {
            Some(plain) if !plain.contains('\\') => plain.into(),
            // An amount with an escape sequence is legal JSON.
            _ => serde_json::from_str::<String>(text)
                .unwrap_or_default()
                .into(),
        };
        return Ok(read);
    }
    if is_number(text) {
        return Ok(text.into());
    }
    let detail = format!(
        "expected an amount as \"12.90\" or 12.90; found {}",
        shown(text)
    );
    Err(Problem::new(code::WRONG_TYPE, field, detail))
}

fn of(field: &str, problem: Problem) -> Problem {
    Problem {
        field: field.to_owned(),
        ..problem
    }
}

fn negative(field: &str, text: &str) -> Problem {
    let detail = format!("must not be negative; found {}", Echo(text));
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

/// A whole number, however it is written: 2, 2.0 and 2e0 are the same one (as in JSON Schema).
///
/// # Errors
/// `wrong_type`, naming `field`.
pub fn whole(field: &str, raw: &RawValue) -> Result<i64, Problem> {
    let text = raw.get();
    // Read as decimal text, so that 2.0 is whole and 1.5 is not.
    let read = is_number(text).then(|| Minor::parse(text, Currency::WHOLE));
    match read {
        Some(Ok(Minor(number))) => Ok(number),
        Some(Err(_)) | None => {
            let shown = shown(text);
            let detail = format!("expected a whole number; found {shown}");
            Err(Problem::new(code::WRONG_TYPE, field, detail))
        }
    }
}

/// A whole number of units from 1 to `most`.
///
/// # Errors
/// `wrong_type` or `invalid_quantity`, naming `field`.
pub fn quantity(field: &str, raw: &RawValue, most: u32) -> Result<i64, Problem> {
    let text = raw.get();
    if !is_number(text) {
        return whole(field, raw);
    }
    let read = whole(field, raw).ok();
    read.filter(|n| (1..=i64::from(most)).contains(n))
        .ok_or_else(|| {
            let shown = shown(text);
            let detail = format!("a whole number from 1 to {most}; found {shown}");
            Problem::new(code::INVALID_QUANTITY, field, detail)
        })
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
}

/// A wrong value: a number as it was written, or what kind of value it is.
fn shown(text: &str) -> String {
    match text.bytes().next() {
        Some(b'"') => "a text".into(),
        Some(b'{') => "an object".into(),
        Some(b'[') => "an array".into(),
        _ => Echo(text).to_string(),
    }
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

    #[test]
    fn a_whole_number_is_the_same_in_every_spelling() {
        for text in ["5", "5.0", "5e0", "50e-1", "0.5e1"] {
            assert_eq!(whole("onHand", &raw(text)), Ok(5), "{text}");
        }
        for text in ["5.5", "1e30", "\"5\"", "null", "true", "[5]"] {
            let problem = whole("onHand", &raw(text)).unwrap_err();
            assert_eq!(problem.code, code::WRONG_TYPE, "{text}");
        }
    }
}
