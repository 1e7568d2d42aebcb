//! `/problems` and `/problems/{code}`: what each problem means and what to do about it, for the person who follows the
//! `type` of an answer. Made from [`kinds`], so every code has its page.

use axum::Router;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use super::codes;
use super::kinds::{self, Kind};
use super::problem::Problem;

/// The pages.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/problems", get(all))
        .route("/problems/{code}", get(one))
}

async fn all() -> Html<String> {
    let item = |kind: &Kind| {
        let (page, code, status) = (kind.page(), kind.code, kind.status);
        let title = escaped(kind.title);
        format!("<li><a href=\"{page}\">{code}</a> ({status}): {title}</li>\n")
    };
    let items: String = kinds::all().map(item).collect();
    page("Problems", &format!("<ul>\n{items}</ul>\n"))
}

async fn one(Path(code): Path<String>) -> Response {
    // The code with underscores works too, because people copy it from an answer.
    let code = code.replace('-', "_");
    let Some(kind) = kinds::all().find(|kind| kind.code == code) else {
        let detail = "there is no problem of this name; /problems lists all of them";
        return Problem::new(codes::NOT_FOUND, detail).into_response();
    };
    let text = format!(
        "<p>Status {}, code <code>{}</code>.</p>\n<p>{}</p>\n<p>The answer's <code>detail</code> says what was \
         expected and found, and its <code>correlationId</code> finds the request in the server's log. \
         <a href=\"/problems\">All problems</a></p>\n",
        kind.status,
        kind.code,
        escaped(kind.advice)
    );
    page(kind.title, &text).into_response()
}

fn page(title: &str, content: &str) -> Html<String> {
    let title = escaped(title);
    Html(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title} - Waybill</title></head>\n\
         <body>\n<h1>{title}</h1>\n{content}</body>\n</html>\n"
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
