//! W3C Trace Context (level 2, `traceparent`): the trace that a request belongs to, read from its header or begun here.
//!
//! A value that does not follow the specification is no error: the caller of [`TraceParent::parse`] begins a new trace
//! then. Waybill makes no spans of its own, so the parent id stays that of the caller.

use std::fmt;

/// The flags that level 2 defines, sampled and random; a participant sends all others as zero.
const KNOWN_FLAGS: u8 = 0b11;

/// Length of a `traceparent` of version 00: `00-<32 digits>-<16 digits>-<2 digits>`.
const LENGTH: usize = 55;

/// A place in a trace. Written as version 00, whichever version it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
}

impl TraceParent {
    /// Parses a header's value. Of a later version the fields of version 00 are read and all others dropped, as section
    /// 3.2.4 of the specification says.
    ///
    /// `None` for a value that is invalid: another shape, digits other than `0-9a-f`, a trace or parent id of zeros
    /// alone, version `ff`, or more than the four fields in version 00.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (known, rest) = text.split_at_checked(LENGTH)?;
        let mut fields = known.split('-');
        let version = hex(fields.next()?, 2)?;
        let trace_id = hex(fields.next()?, 32)?;
        let parent_id = hex(fields.next()?, 16)?;
        let flags = hex(fields.next()?, 2)?;
        let is_whole = rest.is_empty() || (version > 0 && rest.starts_with('-'));
        let is_valid = version != 0xff && trace_id != 0 && parent_id != 0 && is_whole;
        is_valid.then_some(Self {
            trace_id,
            // No error: 16 digits are 64 bits, and 2 digits are 8.
            parent_id: parent_id as u64,
            flags: flags as u8 & KNOWN_FLAGS,
        })
    }

    /// Begins a trace with 24 random bytes. It is not sampled, because nothing records it here.
    #[must_use]
    pub fn begin(random: [u8; 24]) -> Self {
        let of = |bytes: &[u8]| bytes.iter().fold(0, |n, byte| n << 8 | u128::from(*byte));
        let (trace, parent) = random.split_at(16);
        Self {
            // Zeros alone are invalid.
            trace_id: of(trace).max(1),
            // No error: 8 bytes are 64 bits.
            parent_id: (of(parent) as u64).max(1),
            flags: 0b10,
        }
    }
}

/// A number of exactly so many lower-case hexadecimal digits.
fn hex(field: &str, digits: usize) -> Option<u128> {
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let is_valid = field.len() == digits && field.bytes().all(is_hex);
    // No error: what is no number is an invalid value.
    u128::from_str_radix(field, 16).ok().filter(|_| is_valid)
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, parent, flags) = (self.trace_id, self.parent_id, self.flags);
        write!(f, "00-{trace:032x}-{parent:016x}-{flags:02x}")
    }
}

/// The trace id in a `traceparent` as stored with events; empty in one that an earlier version took unchecked and that
/// is too short.
#[must_use]
pub fn trace_id(traceparent: &str) -> &str {
    traceparent.get(3..35).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn read(text: &str) -> Option<String> {
        TraceParent::parse(text).map(|read| read.to_string())
    }

    #[test]
    fn a_valid_one_is_kept_as_it_is() {
        assert_eq!(read(GIVEN).as_deref(), Some(GIVEN));
        assert_eq!(trace_id(GIVEN), "0af7651916cd43dd8448eb211c80319c");
        for flags in ["00", "02", "03"] {
            let text = GIVEN.replace("-01", &format!("-{flags}"));
            assert_eq!(read(&text), Some(text));
        }
    }

    #[test]
    fn flags_without_a_meaning_are_sent_as_zero() {
        assert_eq!(
            read(&GIVEN.replace("-01", "-ff")),
            Some(GIVEN.replace("-01", "-03"))
        );
    }

    #[test]
    fn a_later_version_is_read_by_the_fields_of_this_one_and_written_as_this_one() {
        for later in [
            GIVEN.replacen("00", "01", 1),
            GIVEN.replacen("00", "fe", 1),
            format!("{}-", GIVEN.replacen("00", "cc", 1)),
            format!("{}-what-the-future-will", GIVEN.replacen("00", "cc", 1)),
        ] {
            assert_eq!(read(&later).as_deref(), Some(GIVEN), "{later}");
        }
    }

    #[test]
    fn an_invalid_one_is_refused() {
        let zeros = |digits: &str| GIVEN.replace(digits, &"0".repeat(digits.len()));
        for invalid in [
            String::new(),
            "00".into(),
            "0".repeat(LENGTH),
            "-".repeat(LENGTH),
            GIVEN[..LENGTH - 1].to_owned(),
            format!("{GIVEN}-00"),
            format!("{GIVEN}0"),
            format!(" {GIVEN}"),
            GIVEN.to_uppercase(),
            GIVEN.replacen("00", "ff", 1),
            GIVEN.replacen("00", "+0", 1),
            GIVEN.replacen("0af", "0xf", 1),
            GIVEN.replace('-', "_"),
            GIVEN.replace("-b7", "b-7"),
            format!("{}.what", GIVEN.replacen("00", "cc", 1)),
            format!("{}what", GIVEN.replacen("00", "cc", 1)),
            zeros("0af7651916cd43dd8448eb211c80319c"),
            zeros("b7ad6b7169203331"),
            // 55 bytes end within a character.
            format!("{}ü", &GIVEN[..LENGTH - 1]),
        ] {
            assert_eq!(read(&invalid), None, "{invalid:?}");
        }
        assert_eq!(trace_id("00-short"), "");
    }

    #[test]
    fn one_begun_here_is_valid_even_with_the_worst_of_chance() {
        for bytes in [[0; 24], [0xff; 24], std::array::from_fn(|n| n as u8)] {
            let begun = TraceParent::begin(bytes);
            assert_eq!(TraceParent::parse(&begun.to_string()), Some(begun));
        }
        let counted = TraceParent::begin(std::array::from_fn(|n| n as u8));
        let says = "00-000102030405060708090a0b0c0d0e0f-1011121314151617-02";
        assert_eq!(counted.to_string(), says);
    }
}
