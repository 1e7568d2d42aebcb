//! `/docs`: the specification as a page to read and to try, with nothing from the internet.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use http::{HeaderValue, header};
use utoipa_swagger_ui::{Config, SwaggerUi};

/// The page runs its own scripts and styles and speaks to this server alone. Its inlined styles and icons need their
/// words here.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
);

/// The page and its files.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let config = Config::from("/openapi.json").validator_url("none");
    let page: Router<S> = SwaggerUi::new("/docs").config(config).into();
    page.layer(middleware::from_fn(with_policy))
}

async fn with_policy(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}
