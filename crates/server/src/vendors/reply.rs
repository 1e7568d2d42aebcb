//! What a vendor answers to a request to take units out of its stock, or to take them back. Only what surely was not
//! done counts as not done.

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use waybill_domain::vendor_call::{VendorCall, VendorRequest};

use super::call::{CallFault, HttpCalls};
use crate::resilience::breaker::CallError;

/// What became of a request. None of the texts has words of the vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Done,
    /// It was not done, and asking again would not help.
    Refused(String),
    /// The vendor was not asked.
    NotAsked(String),
    /// It was asked and it was not done; it can be asked again.
    NotNow(String),
    /// It may have been done.
    Unknown(String),
}

/// The answer to a request that was carried out.
#[derive(Deserialize)]
struct Done {
    success: bool,
}

/// Makes the call. A refusal is an answer: it says nothing against the vendor.
pub async fn ask(calls: &HttpCalls, call: &VendorCall) -> Result<Reply, CallFault> {
    let path = match call.request {
        VendorRequest::Reduce => "/reduce-stock",
        VendorRequest::Restore => "/restore-stock",
    };
    let body = json!({"sku": call.sku, "quantity": call.units}).to_string();
    match calls.post(path, &call.key, Bytes::from(body)).await {
        Ok(body) => read(&body),
        Err(CallFault::Status(StatusCode::NOT_FOUND)) => {
            Ok(Reply::Refused("it does not have this product".to_owned()))
        }
        Err(CallFault::Status(StatusCode::BAD_REQUEST)) => {
            Ok(Reply::Refused("it does not have as many".to_owned()))
        }
        // No word about the stock: it is asked too often, the key is in use by an earlier try, or something in between
        // answers for it.
        Err(CallFault::Status(status)) if status.is_client_error() => {
            Ok(Reply::NotNow(format!("it answers {status}")))
        }
        Err(fault) => Err(fault),
    }
}

fn read(body: &[u8]) -> Result<Reply, CallFault> {
    match serde_json::from_slice(body) {
        Ok(Done { success: true }) => Ok(Reply::Done),
        Ok(Done { success: false }) => Ok(Reply::Refused("it says no".to_owned())),
        Err(_) => Err(CallFault::Unusable("it is no answer to this".to_owned())),
    }
}

/// What became of a request, its faults included.
pub fn of(result: Result<Reply, CallError<CallFault>>) -> Reply {
    match result {
        Ok(reply) => reply,
        Err(error @ CallError::Open { .. }) => Reply::NotAsked(error.to_string()),
        Err(error @ CallError::Timeout { .. }) => Reply::Unknown(error.to_string()),
        Err(CallError::Failed(fault)) => match fault {
            // These two may be the answer to what was done (RFC 9110, 15.4.3 and 15.4.4).
            CallFault::Redirect(StatusCode::FOUND | StatusCode::SEE_OTHER) => {
                Reply::Unknown(fault.to_string())
            }
            CallFault::Unreachable(_) | CallFault::Redirect(_) => Reply::NotNow(fault.to_string()),
            CallFault::NoAnswer(_)
            | CallFault::Status(_)
            | CallFault::TooLong { .. }
            | CallFault::Broken(_)
            | CallFault::Unusable(_) => Reply::Unknown(fault.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one_and_only_what_was_not_sent_is_not_done() {
        assert_eq!(
            read(br#"{"success":true,"newQuantity":3}"#),
            Ok(Reply::Done)
        );
        assert!(matches!(
            read(br#"{"success":false}"#),
            Ok(Reply::Refused(_))
        ));
        for nonsense in ["", "{}", "<html>", r#"{"success":"yes"}"#, "true"] {
            assert!(read(nonsense.as_bytes()).is_err(), "{nonsense}");
        }
        let failed = |fault| of(Err(CallError::Failed(fault)));
        let status = |code: u16| CallFault::Status(StatusCode::from_u16(code).expect("a code"));
        assert!(matches!(
            failed(CallFault::Unreachable(String::new())),
            Reply::NotNow(_)
        ));
        for unknown in [
            CallFault::NoAnswer(String::new()),
            CallFault::Broken(String::new()),
            CallFault::TooLong { limit: 1 },
            status(500),
            status(503),
        ] {
            assert!(
                matches!(failed(unknown.clone()), Reply::Unknown(_)),
                "{unknown}"
            );
        }
        assert!(matches!(
            of(Err(CallError::Open { retry_after_ms: 1 })),
            Reply::NotAsked(_)
        ));
        let late = CallError::Timeout { timeout_ms: 1 };
        assert!(matches!(of(Err(late)), Reply::Unknown(_)));
    }
}
