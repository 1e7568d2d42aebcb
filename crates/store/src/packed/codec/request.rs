//! The ids that a request brings: its correlation id and its trace, in few bytes where they have the usual form.

use super::super::bytes::{Input, Unreadable};
use super::super::text::{self, Ids};
use uuid::Uuid;

// How such a text is written.
const NONE: u8 = 0;
const TEXT: u8 = 1;
/// An id, as 16 bytes.
const ID: u8 = 2;
/// A trace of version 00 (W3C Trace Context): 16 bytes, 8 bytes, flags.
const TRACE: u8 = 3;

/// Appends the id of a request.
pub fn put_correlation(out: &mut Vec<u8>, stored: Option<&str>) {
    let Some(stored) = stored else {
        return out.push(NONE);
    };
    match Uuid::try_parse(stored) {
        Ok(id) if id.to_string() == stored => {
            out.push(ID);
            out.extend_from_slice(id.as_bytes());
        }
        Ok(_) | Err(_) => {
            out.push(TEXT);
            text::put(out, stored, Ids::NONE);
        }
    }
}

/// The lengths of a trace's fields in hexadecimal digits: trace, parent, flags.
const TRACE_DIGITS: [usize; 3] = [32, 16, 2];
/// The bytes of the three fields.
const TRACE_BYTES: usize = 25;

/// Appends the trace of a request.
pub fn put_trace(out: &mut Vec<u8>, stored: Option<&str>) {
    let Some(stored) = stored else {
        return out.push(NONE);
    };
    if let Some(bytes) = trace_bytes(stored) {
        out.push(TRACE);
        out.extend_from_slice(&bytes);
    } else {
        out.push(TEXT);
        text::put(out, stored, Ids::NONE);
    }
}

/// The bytes of a trace's fields, if [`trace_text`] makes the same text of them.
fn trace_bytes(text: &str) -> Option<[u8; TRACE_BYTES]> {
    let mut fields = text.strip_prefix("00-")?.split('-');
    let mut bytes = [0; TRACE_BYTES];
    let mut at = 0;
    for digits in TRACE_DIGITS {
        let field = fields.next().filter(|field| field.len() == digits)?;
        for pair in field.as_bytes().chunks(2) {
            bytes[at] = digit(pair[0])? << 4 | digit(pair[1])?;
            at += 1;
        }
    }
    fields.next().is_none().then_some(bytes)
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

fn trace_text(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(55);
    text.push_str("00");
    for (at, byte) in bytes.iter().enumerate() {
        if [0, 16, 24].contains(&at) {
            text.push('-');
        }
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Reads what [`put_correlation`] or [`put_trace`] wrote.
pub fn take<T: From<String>>(input: &mut Input<'_>) -> Result<Option<T>, Unreadable> {
    let text = match input.byte()? {
        NONE => return Ok(None),
        TEXT => text::take(input, Ids::NONE)?,
        ID => {
            let bytes = input.take(16)?;
            let id = Uuid::from_slice(bytes).map_err(|_| Unreadable::Short)?;
            id.to_string()
        }
        TRACE => trace_text(input.take(TRACE_BYTES)?),
        _ => return Err(Unreadable::Unknown("an unknown form of a request's id")),
    };
    Ok(Some(text.into()))
}
