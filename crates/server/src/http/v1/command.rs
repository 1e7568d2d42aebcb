//! How `/v1` reads a command: its caller, its body, and its `Idempotency-Key`. Every request that changes something
//! existing is read here, so that each of them honours the key.

use axum::extract::Request;
use axum::response::Response;
use http::HeaderName;
use waybill_domain::canonical::canonical;

use super::answer::set;
use super::call::Call;
use super::problem::Problem;
use crate::auth::Scope;
use crate::http::body::Whole;
use crate::http::requests::Requests;
use crate::once::{self, Once};

/// The header of a replayed answer.
pub static REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

impl Call {
    /// The caller and the whole body of a command, which is done once if it has a key.
    ///
    /// # Errors
    /// As [`Call::with_body`]; `idempotency_key_invalid`, `idempotency_key_required`.
    pub async fn command(
        requests: &Requests,
        request: Request,
        scope: Scope,
    ) -> Result<(Self, Whole, Once), Problem> {
        let (call, body) = Self::with_body(requests, request, scope).await?;
        let key = requests.key(call.dialect, &call.head.headers)?;
        call.dialect.key.check_command(key.as_ref())?;
        let Some(key) = key else {
            let once = Once::without_key(call.tenant.clone());
            return Ok((call, body, once));
        };
        let request = once::Request {
            method: call.head.method.as_str(),
            path: call.head.uri.path(),
            body: &compared(&body),
        };
        let once = Once::with_key(
            call.tenant.clone(),
            &call.identity.subject,
            &key,
            &request,
            requests.access.now().plus_ms(requests.key_window_ms),
        );
        Ok((call, body, once))
    }
}

/// The canonical form by which bodies are compared. Text that is not JSON has none (""); reading the body refuses it.
fn compared(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = if text.is_empty() { "{}" } else { &text };
    canonical(text).unwrap_or_else(|_| text.to_owned())
}

/// Marks an answer as replayed.
#[must_use]
pub fn marked(mut response: Response, replayed: bool) -> Response {
    if replayed {
        set(&mut response, REPLAYED.clone(), "true");
    }
    response
}
