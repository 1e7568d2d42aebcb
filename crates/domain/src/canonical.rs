//! The canonical form of JSON (RFC 8785), by which two spellings of the same value are compared, and the check that all
//! readers understand the text the same way (I-JSON, RFC 7493).
//!
//! One pass over the text does both. The text itself is stored as it was sent; the canonical form is only compared and
//! hashed.

use std::fmt::Write;

use crate::echo::quoted;

/// Why a text is not I-JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error(
        "half of a surrogate pair (\\u{0:04x}) is no character; text was cut in the middle of one"
    )]
    LoneSurrogate(u32),
    #[error("U+{0:04X} is not a character that may be exchanged")]
    Noncharacter(u32),
    #[error("the name {0} stands twice in one object")]
    DuplicateName(String),
    #[error("the number {0} is larger than a double-precision number can be")]
    NumberTooLarge(String),
    #[error("at most {DEPTH} levels of objects and arrays")]
    TooDeep,
    #[error("it is not JSON")]
    NotJson,
}

/// The deepest nesting of objects and arrays that is accepted.
const DEPTH: usize = 128;

/// The canonical form of one JSON value.
///
/// # Errors
/// [`Fault`]: the text is not JSON, or readers would understand it differently.
pub fn canonical(text: &str) -> Result<String, Fault> {
    let mut walk = Walk { rest: text };
    let mut out = String::with_capacity(text.len());
    walk.value(&mut out, 0)?;
    walk.blanks();
    if walk.rest.is_empty() {
        Ok(out)
    } else {
        Err(Fault::NotJson)
    }
}

/// The rest of the text that is not read yet.
struct Walk<'t> {
    rest: &'t str,
}

impl<'t> Walk<'t> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Skips the character `wanted` if it comes next; returns whether it did.
    fn takes(&mut self, wanted: char) -> bool {
        self.blanks();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), Fault> {
        if self.takes(wanted) {
            Ok(())
        } else {
            Err(Fault::NotJson)
        }
    }

    fn value(&mut self, out: &mut String, depth: usize) -> Result<(), Fault> {
        if depth > DEPTH {
            return Err(Fault::TooDeep);
        }
        self.blanks();
        match self.rest.bytes().next() {
            Some(b'{') => self.object(out, depth),
            Some(b'[') => self.array(out, depth),
            Some(b'"') => {
                let text = self.string()?;
                write_text(out, &text);
                Ok(())
            }
            Some(b't') => self.word("true", out),
            Some(b'f') => self.word("false", out),
            Some(b'n') => self.word("null", out),
            _ => self.number(out),
        }
    }

    fn word(&mut self, word: &str, out: &mut String) -> Result<(), Fault> {
        self.rest = self.rest.strip_prefix(word).ok_or(Fault::NotJson)?;
        out.push_str(word);
        Ok(())
    }

    fn array(&mut self, out: &mut String, depth: usize) -> Result<(), Fault> {
        self.expect('[')?;
        out.push('[');
        if !self.takes(']') {
            loop {
                self.value(out, depth + 1)?;
                if self.takes(']') {
                    break;
                }
                self.expect(',')?;
                out.push(',');
            }
        }
        out.push(']');
        Ok(())
    }

    /// Members are sorted by the UTF-16 code units of their names.
    fn object(&mut self, out: &mut String, depth: usize) -> Result<(), Fault> {
        self.expect('{')?;
        let mut members: Vec<(String, String)> = vec![];
        if !self.takes('}') {
            loop {
                self.blanks();
                let name = self.string()?;
                self.expect(':')?;
                let mut value = String::new();
                self.value(&mut value, depth + 1)?;
                members.push((name, value));
                if self.takes('}') {
                    break;
                }
                self.expect(',')?;
            }
        }
        members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
        if let Some(twice) = members.windows(2).find(|two| two[0].0 == two[1].0) {
            return Err(Fault::DuplicateName(quoted(&twice[0].0)));
        }
        out.push('{');
        for (index, (name, value)) in members.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_text(out, name);
            out.push(':');
            out.push_str(value);
        }
        out.push('}');
        Ok(())
    }

    fn string(&mut self) -> Result<String, Fault> {
        self.rest = self.rest.strip_prefix('"').ok_or(Fault::NotJson)?;
        let mut text = String::new();
        loop {
            let end = self.rest.find(['"', '\\']).ok_or(Fault::NotJson)?;
            text.push_str(&self.rest[..end]);
            let is_end = self.rest.as_bytes()[end] == b'"';
            self.rest = &self.rest[end + 1..];
            if is_end {
                break;
            }
            let escaped = self.escaped()?;
            text.push(escaped);
        }
        match text.chars().find(|c| is_noncharacter(u32::from(*c))) {
            Some(c) => Err(Fault::Noncharacter(u32::from(c))),
            None => Ok(text),
        }
    }

    /// Reads what follows a backslash.
    fn escaped(&mut self) -> Result<char, Fault> {
        let kind = self.rest.chars().next().ok_or(Fault::NotJson)?;
        self.rest = &self.rest[kind.len_utf8()..];
        Ok(match kind {
            '"' | '\\' | '/' => kind,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.code_point(),
            _ => return Err(Fault::NotJson),
        })
    }

    /// Reads what follows `\u`: four hexadecimal digits, and a second `\u` with four digits for a surrogate pair.
    fn code_point(&mut self) -> Result<char, Fault> {
        let first = self.hex()?;
        let is_high = (0xd800..0xdc00).contains(&first);
        if !is_high {
            return char::from_u32(first).ok_or(Fault::LoneSurrogate(first));
        }
        self.rest = self
            .rest
            .strip_prefix("\\u")
            .ok_or(Fault::LoneSurrogate(first))?;
        let second = self.hex()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(Fault::LoneSurrogate(first));
        }
        let point = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        char::from_u32(point).ok_or(Fault::NotJson)
    }

    fn hex(&mut self) -> Result<u32, Fault> {
        let digits = self.rest.get(..4).ok_or(Fault::NotJson)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Fault::NotJson);
        }
        self.rest = &self.rest[4..];
        u32::from_str_radix(digits, 16).map_err(|_| Fault::NotJson)
    }

    fn number(&mut self, out: &mut String) -> Result<(), Fault> {
        let is_part = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (text, rest): (&'t str, &'t str) = self.rest.split_at(end);
        self.rest = rest;
        let value: f64 = text.parse().map_err(|_| Fault::NotJson)?;
        if !value.is_finite() {
            let shown: String = text.chars().take(40).collect();
            return Err(Fault::NumberTooLarge(shown));
        }
        write_number(out, value);
        Ok(())
    }
}

fn is_noncharacter(point: u32) -> bool {
    point & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&point)
}

fn write_text(out: &mut String, text: &str) {
    // Its escapes are those of the canonical form: two characters where JSON has them, else lower-case hexadecimal.
    out.push_str(&serde_json::to_string(text).expect("every text is a JSON string"));
}

/// As ECMAScript writes a number (RFC 8785, section 3.2.2.3): the shortest digits that are read back as the same
/// number, with an exponent below 1e-6 and from 1e21 on.
fn write_number(out: &mut String, value: f64) {
    if value == 0.0 {
        out.push('0');
        return;
    }
    if value < 0.0 {
        out.push('-');
    }
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    // A finite number has 17 digits at most, and an exponent of three.
    let count = digits.len() as i32;
    let exponent: i32 = exponent.parse().expect("the exponent of a finite number");
    // The place of the decimal point, counted from the first digit.
    let point = exponent + 1;
    // Neither is negative in the ranges below.
    let zeros = |n: i32| "0".repeat(n.unsigned_abs() as usize);
    let split = |at: i32| digits.split_at(at.unsigned_abs() as usize);
    // Writing to a String cannot fail.
    let _ = if (count..=21).contains(&point) {
        write!(out, "{digits}{}", zeros(point - count))
    } else if (1..=21).contains(&point) {
        let (whole, fraction) = split(point);
        write!(out, "{whole}.{fraction}")
    } else if (-5..=0).contains(&point) {
        write!(out, "0.{}{digits}", zeros(-point))
    } else {
        let (whole, fraction) = split(1);
        let dot = if fraction.is_empty() { "" } else { "." };
        write!(out, "{whole}{dot}{fraction}e{:+}", point - 1)
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_the_same_value_have_one_form() {
        for (text, form) in [
            (r#" { "b" : 2 , "a" : 1 } "#, r#"{"a":1,"b":2}"#),
            ("10.0", "10"),
            ("1E1", "10"),
            ("-0", "0"),
            (r#""\u00fc""#, r#""ü""#),
            (r#""\ud83d\ude00\/""#, r#""😀/""#),
            (r#""\u000A\u001B""#, r#""\n\u001b""#),
            (r#"[true,false,null,[],{}]"#, r#"[true,false,null,[],{}]"#),
            // By UTF-16: the surrogates of U+1F600 sort before U+FB33.
            (
                "{\"\u{fb33}\":1,\"\u{1f600}\":2}",
                "{\"\u{1f600}\":2,\"\u{fb33}\":1}",
            ),
        ] {
            assert_eq!(canonical(text).as_deref(), Ok(form), "{text}");
        }
    }

    #[test]
    fn numbers_are_written_as_ecmascript_does() {
        for (text, form) in [
            ("333333333.33333329", "333333333.3333333"),
            ("1E30", "1e+30"),
            ("4.50", "4.5"),
            ("2e-3", "0.002"),
            ("0.000000000000000000000000001", "1e-27"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("100000000000000000000", "100000000000000000000"),
            ("1e21", "1e+21"),
            ("-1.5e22", "-1.5e+22"),
            ("123456.789", "123456.789"),
            ("9007199254740991", "9007199254740991"),
        ] {
            assert_eq!(canonical(text).as_deref(), Ok(form), "{text}");
        }
    }

    #[test]
    fn what_readers_would_not_agree_on_is_a_fault() {
        for (text, fault) in [
            (r#"{"a":"x\ud83d"}"#, Fault::LoneSurrogate(0xd83d)),
            (r#"{"\ude00":1}"#, Fault::LoneSurrogate(0xde00)),
            (r#""\ud83d\u0041""#, Fault::LoneSurrogate(0xd83d)),
            (r#""\uffff""#, Fault::Noncharacter(0xffff)),
            (
                "{\"a\":1,\"\\u0061\":2}",
                Fault::DuplicateName("\"a\"".into()),
            ),
            (
                r#"[{"b":{"a":1,"c":2,"a":1}}]"#,
                Fault::DuplicateName("\"a\"".into()),
            ),
            ("1e400", Fault::NumberTooLarge("1e400".into())),
            ("-1e400", Fault::NumberTooLarge("-1e400".into())),
        ] {
            assert_eq!(canonical(text), Err(fault), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(canonical(&deep), Err(Fault::TooDeep));
    }

    #[test]
    fn what_is_no_json_is_a_fault() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "\"a",
            "tru",
            "1 2",
            "inf",
            "nan",
            "--1",
            "\"\\x\"",
            "\"\\u12\"",
        ] {
            assert_eq!(canonical(text), Err(Fault::NotJson), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_form_is_its_own_form_and_says_the_same(number: f64, text: String) {
            prop_assume!(number.is_finite() && text.chars().all(|c| !is_noncharacter(u32::from(c))));
            let value = serde_json::json!({"z": number, "a": [text], "": null});
            let form = canonical(&value.to_string()).unwrap();
            let again = canonical(&form).unwrap();
            prop_assert_eq!(&again, &form);
            let read: serde_json::Value = serde_json::from_str(&form).unwrap();
            prop_assert_eq!(&read["a"], &value["a"]);
            let digits = form.rsplit_once("\"z\":").unwrap().1;
            prop_assert_eq!(digits.trim_end_matches('}').parse::<f64>().unwrap(), number);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}") {
            let _ = canonical(&text);
        }
    }
}
