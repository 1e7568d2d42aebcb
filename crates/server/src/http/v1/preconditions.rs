//! Parses `If-Match` and `If-None-Match` (RFC 9110, sections 8.8.3 and 13.1), and answers reads that have them.
//! `waybill_domain::precondition` decides whether they hold.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, StatusCode, header};
use serde::Serialize;
use waybill_domain::echo::Echo;
use waybill_domain::precondition::{Preconditions, Tag, Tags};

use super::answer::{Answer, set};
use super::codes;
use super::problem::Problem;
use crate::http::json;

/// Reads both headers.
///
/// # Errors
/// `invalid_if_match`, `invalid_if_none_match`.
pub fn of(headers: &HeaderMap) -> Result<Preconditions, Problem> {
    Ok(Preconditions {
        if_match: tags(headers, &header::IF_MATCH, codes::INVALID_IF_MATCH)?,
        if_none_match: tags(
            headers,
            &header::IF_NONE_MATCH,
            codes::INVALID_IF_NONE_MATCH,
        )?,
    })
}

/// The answer to a read; 304 without a body if the reader has this tag.
///
/// # Errors
/// 412: `If-Match` does not hold.
pub fn show<T: Serialize>(asked: &Preconditions, tag: Tag, body: &T) -> Answer {
    let mut response = if asked.read(tag)? {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        json::of(body).into_response()
    };
    set_tag(&mut response, tag);
    Ok(response)
}

/// Sets the `ETag`.
pub fn set_tag(response: &mut Response, tag: Tag) {
    set(response, header::ETAG, &tag.to_string());
}

/// The tags of a header, which may stand on several lines.
fn tags(headers: &HeaderMap, name: &HeaderName, code: &str) -> Result<Option<Tags>, Problem> {
    let mut lines = headers.get_all(name).iter().peekable();
    if lines.peek().is_none() {
        return Ok(None);
    }
    let texts: Option<Vec<&str>> = lines.map(|line| line.to_str().ok()).collect();
    let text = texts.unwrap_or_default().join(",");
    list(&text).map(Some).ok_or_else(|| {
        let detail = format!(
            "expected versions as ETag gives them, \"3\" with its quotes, several by commas, or *; found {}",
            Echo(&text)
        );
        let name = if *name == header::IF_MATCH {
            "If-Match"
        } else {
            "If-None-Match"
        };
        Problem::new(code, detail).of(name)
    })
}

/// `*`, or a list of entity tags; empty places in a list are nothing.
fn list(text: &str) -> Option<Tags> {
    let mut rest = text.trim();
    if rest == "*" {
        return Some(Tags::Any);
    }
    let (mut tags, mut any) = (vec![], false);
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return any.then_some(Tags::These(tags));
        }
        let weak = rest.starts_with("W/");
        let quoted = rest.strip_prefix("W/").unwrap_or(rest);
        let (opaque, after) = quoted.strip_prefix('"')?.split_once('"')?;
        let allowed = |b: u8| b == 0x21 || (0x23..=0x7e).contains(&b);
        if !opaque.bytes().all(allowed) {
            return None;
        }
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
        any = true;
        tags.extend(ours(opaque, weak));
    }
}

/// A tag in the form that this server writes.
fn ours(opaque: &str, weak: bool) -> Option<Tag> {
    let number = |text: &str| {
        let number: i64 = text.parse().ok()?;
        // Only the canonical decimal form: no sign, no leading zeros.
        (number >= 0 && number.to_string() == text).then_some(number)
    };
    let (version, mark) = match opaque.split_once('.') {
        None => (opaque, None),
        Some((version, mark)) => (version, Some(number(mark)?)),
    };
    Some(Tag {
        version: number(version)?,
        mark,
        weak,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_weak_tags_and_tags_of_others_are_read() {
        let weak = Tag {
            weak: true,
            ..Tag::of(1)
        };
        for (text, tags) in [
            ("\"1\"", vec![Tag::of(1)]),
            ("\"1\", \"2\"", vec![Tag::of(1), Tag::of(2)]),
            (" ,W/\"1\" ,\t\"2.7\",", vec![weak, Tag::marked(2, 7)]),
            ("\"1-gzip\", \"a,b\", \"\", \"01\", \"+1\"", vec![]),
        ] {
            assert_eq!(list(text), Some(Tags::These(tags)), "{text}");
        }
        assert_eq!(list(" * "), Some(Tags::Any));
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for text in [
            "",
            ",",
            "1",
            "\"1",
            "\"1\" \"2\"",
            "*, \"1\"",
            "w/\"1\"",
            "\"a b\"",
        ] {
            assert_eq!(list(text), None, "{text}");
        }
    }
}
