//! Texts of the log in few bytes: phrases that repeat are one byte each, ids of 36 characters at most 17.
//!
//! Every text comes back as it was, whatever it is. Plain ASCII stands for itself; the bytes that plain ASCII does not
//! use are codes. Characters that have no code (control characters, other scripts) follow an escape. This is static
//! dictionary coding as in FSST (Boncz, Neumann, Leis, 2020), with long phrases instead of learned ones.

use super::bytes::{Input, Unreadable, put_number};
use super::phrases::{FIRST, PHRASES, code, of_code};
use std::sync::LazyLock;
use uuid::Uuid;

/// A length and as many bytes follow, which stand for themselves.
const ESCAPE: u8 = 0x00;
/// The id of what the text is about.
const SUBJECT: u8 = 0x01;
/// The id of the order.
const ORDER: u8 = 0x02;
/// 16 bytes follow, which are an id.
const ID: u8 = 0x03;

/// The length of an id in a text: 32 hexadecimal digits and four hyphens (RFC 9562, section 4).
const ID_TEXT: usize = 36;
/// Phrases are found by their first bytes.
const KEY: usize = 4;

/// The ids that a text is likely to contain.
#[derive(Clone, Copy)]
pub struct Ids {
    pub order: Uuid,
    pub subject: Uuid,
}

impl Ids {
    /// For texts that contain no id.
    pub const NONE: Self = Self {
        order: Uuid::nil(),
        subject: Uuid::nil(),
    };
}

/// The phrases by their first bytes.
struct Index {
    /// For each hash of a key: the phrases with that hash, the longest first, as places in the list.
    slots: Vec<Vec<usize>>,
}

const SLOTS: usize = 1 << 11;

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut slots = vec![vec![]; SLOTS];
    for (at, phrase) in PHRASES.iter().enumerate() {
        if let Some(slot) = slot_of(phrase.as_bytes()) {
            slots[slot].push(at);
        }
    }
    for slot in &mut slots {
        slot.sort_by_key(|at| std::cmp::Reverse(PHRASES[*at].len()));
    }
    Index { slots }
});

fn slot_of(text: &[u8]) -> Option<usize> {
    let key = u32::from_le_bytes(*text.first_chunk::<KEY>()?);
    // Multiplicative hashing (Knuth, volume 3, 6.4): the highest bits of the product.
    Some((key.wrapping_mul(0x9e37_79b1) >> 21) as usize)
}

/// The longest phrase that the text begins with: its place in the list.
fn phrase_at(text: &[u8]) -> Option<usize> {
    let candidates = &INDEX.slots[slot_of(text)?];
    let found = candidates.iter().copied();
    found
        .into_iter()
        .find(|at| text.starts_with(PHRASES[*at].as_bytes()))
}

/// The id that the text begins with, if it is written as this module would write it.
fn id_at(text: &[u8]) -> Option<Uuid> {
    let written = text
        .first_chunk::<ID_TEXT>()
        .filter(|text| text[8] == b'-')?;
    let id = Uuid::try_parse_ascii(written).ok()?;
    let mut again = [0; ID_TEXT];
    id.hyphenated().encode_lower(&mut again);
    (again == *written).then_some(id)
}

/// Appends the length of a text's bytes, and the bytes.
pub fn put(out: &mut Vec<u8>, text: &str, ids: Ids) {
    let mut coded = Vec::with_capacity(text.len() / 4 + 8);
    put_codes(&mut coded, text.as_bytes(), ids);
    put_number(out, coded.len() as u64);
    out.extend_from_slice(&coded);
}

fn put_codes(out: &mut Vec<u8>, text: &[u8], ids: Ids) {
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        if let Some(at) = phrase_at(rest) {
            out.push(code(at));
            rest = &rest[PHRASES[at].len()..];
        } else if let Some(id) = id_at(rest) {
            if id == ids.subject {
                out.push(SUBJECT);
            } else if id == ids.order {
                out.push(ORDER);
            } else {
                out.push(ID);
                out.extend_from_slice(id.as_bytes());
            }
            rest = &rest[ID_TEXT..];
        } else if is_plain(*first) {
            out.push(*first);
            rest = after;
        } else {
            let length = rest.iter().take_while(|byte| !is_plain(**byte)).count();
            out.push(ESCAPE);
            put_number(out, length as u64);
            out.extend_from_slice(&rest[..length]);
            rest = &rest[length..];
        }
    }
}

fn is_plain(byte: u8) -> bool {
    (0x20..0x80).contains(&byte)
}

/// Reads a text written by [`put`].
pub fn take(input: &mut Input<'_>, ids: Ids) -> Result<String, Unreadable> {
    let coded = input.counted()?;
    let mut coded = Input::of(coded);
    let mut text: Vec<u8> = Vec::with_capacity(256);
    while !coded.is_empty() {
        match coded.byte()? {
            ESCAPE => text.extend_from_slice(coded.counted()?),
            SUBJECT => put_id(&mut text, ids.subject),
            ORDER => put_id(&mut text, ids.order),
            ID => {
                let bytes = coded.take(16)?;
                let id = Uuid::from_slice(bytes).map_err(|_| Unreadable::Short)?;
                put_id(&mut text, id);
            }
            byte if is_plain(byte) => text.push(byte),
            byte if byte < FIRST => return Err(Unreadable::Unknown("an unknown code")),
            byte => {
                let phrase = of_code(byte).ok_or(Unreadable::Unknown("an unknown phrase"))?;
                text.extend_from_slice(phrase.as_bytes());
            }
        }
    }
    String::from_utf8(text).map_err(|_| Unreadable::Unknown("text that is not UTF-8"))
}

fn put_id(text: &mut Vec<u8>, id: Uuid) {
    let mut written = [0; ID_TEXT];
    id.hyphenated().encode_lower(&mut written);
    text.extend_from_slice(&written);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const IDS: Ids = Ids {
        order: Uuid::from_u128(1),
        subject: Uuid::from_u128(2),
    };

    fn coded(text: &str) -> Vec<u8> {
        let mut out = vec![];
        put(&mut out, text, IDS);
        out
    }

    fn back(bytes: &[u8]) -> Result<String, Unreadable> {
        take(&mut Input::of(bytes), IDS)
    }

    #[test]
    fn each_phrase_is_one_byte_and_has_its_own() {
        let mut codes = BTreeSet::new();
        for (at, phrase) in PHRASES.iter().enumerate() {
            assert!(
                phrase.len() >= KEY,
                "{phrase} is not found by its first bytes"
            );
            assert_eq!(coded(phrase), [1, code(at)], "{phrase}");
            assert_eq!(of_code(code(at)), Some(*phrase));
            assert!(codes.insert(code(at)) && !is_plain(code(at)) && code(at) >= FIRST);
        }
    }

    /// What the codes mean is stored. A change of this sum is allowed for a phrase added at the end and for nothing
    /// else: FNV-1a, 64 bits, over the phrases with a line end behind each.
    #[test]
    fn the_phrases_stay_what_they_are() {
        let text = PHRASES
            .iter()
            .flat_map(|phrase| phrase.bytes().chain([b'\n']));
        let sum = text.fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        assert_eq!((PHRASES.len(), sum), (120, 14_420_319_044_724_038_020));
    }

    #[test]
    fn ids_of_the_subject_and_the_order_are_one_byte() {
        let text = format!("{} {} {}", IDS.subject, IDS.order, Uuid::max());
        let bytes = coded(&text);
        assert_eq!(bytes.len(), 1 + 1 + 1 + 1 + 1 + 17);
        assert_eq!(back(&bytes), Ok(text));
    }

    #[test]
    fn an_id_in_capitals_stays_in_capitals() {
        let text = Uuid::max().to_string().to_uppercase();
        assert_eq!(back(&coded(&text)), Ok(text));
    }

    #[test]
    fn what_no_writer_wrote_is_refused() {
        assert_eq!(back(&[1]), Err(Unreadable::Short));
        assert_eq!(back(&[2, ESCAPE, 7]), Err(Unreadable::Short));
        assert_eq!(back(&[2, ID, 7]), Err(Unreadable::Short));
        assert_eq!(
            back(&[1, 0x04]),
            Err(Unreadable::Unknown("an unknown code"))
        );
        assert_eq!(
            back(&[1, 0xff]),
            Err(Unreadable::Unknown("an unknown phrase"))
        );
        let not_text = Unreadable::Unknown("text that is not UTF-8");
        assert_eq!(back(&[3, ESCAPE, 1, 0xff]), Err(not_text));
    }

    /// Parts of texts that meet the cases of the coder: phrases, cut phrases, ids, other scripts, control characters.
    fn parts() -> impl Strategy<Value = String> {
        let phrase = (0..PHRASES.len(), 0..2usize).prop_map(|(at, cut)| {
            let phrase = PHRASES[at];
            phrase[..phrase.len() - cut.min(phrase.len())].to_owned()
        });
        let id = prop_oneof![
            Just(IDS.order),
            Just(IDS.subject),
            any::<u128>().prop_map(Uuid::from_u128),
        ];
        let part = prop_oneof![
            phrase,
            id.prop_map(|id| id.to_string()),
            any::<String>(),
            "[ -~]{0,9}",
        ];
        proptest::collection::vec(part, 0..9).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in parts()) {
            prop_assert_eq!(back(&coded(&text)), Ok(text));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = back(&bytes);
        }
    }
}
