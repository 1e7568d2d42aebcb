//! Classifies one answer of a run: acknowledged, shed (retry later), unknown, or failed.
//!
//! Owns the decision alone, so that it can be tested without a server.

use std::time::Duration;

use http::StatusCode;
use http::header::LOCATION;

use crate::client::{ClientError, Exchange, Refusal, retry_after};

/// The statuses with which a server sheds load, if `Retry-After` comes along. (408 is "taken out of
/// the queue before it was tried": no order was made.)
const SHED: [StatusCode; 3] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::REQUEST_TIMEOUT,
];
/// A 503 of this code is about the inventory service, not about load.
const NOT_A_SHED: &[u8] = b"INVENTORY_SERVICE_UNAVAILABLE";

/// The result of an attempt to place an order.
pub enum Verdict {
    Acknowledged,
    Shed {
        status: StatusCode,
        wait: Duration,
    },
    /// No answer: the order may exist or not.
    Unknown(ClientError),
    Failed {
        status: StatusCode,
        refusal: Box<Refusal>,
    },
}

/// Reads an exchange without a JSON parse, errors apart.
#[must_use]
pub fn verdict(exchange: &Exchange) -> Verdict {
    let status = exchange.status;
    if status.is_success() {
        return Verdict::Acknowledged;
    }
    let wait = retry_after(&exchange.headers);
    match wait {
        Some(wait) if SHED.contains(&status) && !contains(&exchange.body, NOT_A_SHED) => {
            Verdict::Shed { status, wait }
        }
        _ => Verdict::Failed {
            status,
            refusal: Box::new(Refusal::read(status, &exchange.body, wait)),
        },
    }
}

/// The new order's id: the last part of `Location` (`/v1`), else the first `"orderId"` of the body.
#[must_use]
pub fn order_id(exchange: &Exchange) -> Option<&str> {
    if let Some(location) = exchange.headers.get(LOCATION) {
        return location
            .to_str()
            .ok()?
            .rsplit('/')
            .next()
            .filter(|id| !id.is_empty());
    }
    const NAME: &[u8] = b"\"orderId\":\"";
    let body = &exchange.body[..];
    let start = find(body, NAME)? + NAME.len();
    let length = body[start..].iter().position(|&byte| byte == b'"')?;
    std::str::from_utf8(&body[start..start + length])
        .ok()
        .filter(|id| !id.is_empty())
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    find(body, part).is_some()
}

fn find(body: &[u8], part: &[u8]) -> Option<usize> {
    body.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    fn exchange(
        status: u16,
        header: Option<(&'static str, &'static str)>,
        body: &'static str,
    ) -> Exchange {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, value.parse().unwrap());
        }
        Exchange {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn busy_with_a_time_to_come_back_is_shed_and_without_it_a_failure() {
        for status in [408, 429, 503] {
            assert!(matches!(
                verdict(&exchange(status, Some(("retry-after", "1")), "{}")),
                Verdict::Shed { .. }
            ));
            assert!(matches!(
                verdict(&exchange(status, None, "{}")),
                Verdict::Failed { .. }
            ));
        }
        assert!(matches!(
            verdict(&exchange(500, Some(("retry-after", "1")), "{}")),
            Verdict::Failed { .. }
        ));
    }

    #[test]
    fn an_inventory_service_that_is_away_is_a_failure_not_a_shed() {
        let body = r#"{"error":{"code":"INVENTORY_SERVICE_UNAVAILABLE"}}"#;
        assert!(matches!(
            verdict(&exchange(503, Some(("retry-after", "1")), body)),
            Verdict::Failed { .. }
        ));
    }

    #[test]
    fn the_id_is_found_in_either_dialect() {
        let sales = exchange(
            201,
            None,
            r#"{"success":true,"data":{"orderId":"o-1","status":"x"}}"#,
        );
        assert_eq!(order_id(&sales), Some("o-1"));
        let v1 = exchange(
            201,
            Some(("location", "/v1/orders/o-2")),
            r#"{"lines":[{"id":"1"}]}"#,
        );
        assert_eq!(order_id(&v1), Some("o-2"));
        for body in [
            "",
            "{}",
            r#"{"orderId":"#,
            r#"{"orderId":"o-3"#,
            r#"{"orderId":""}"#,
        ] {
            assert_eq!(order_id(&exchange(201, None, body)), None, "{body}");
        }
    }
}
