//! The specification as its readers see it: two linters have nothing to say, and clients that two generators make of it
//! place, read, list, follow and cancel an order.
//!
//! Needs Node with npm, and Python with venv. The tools are installed once, at exact versions, below
//! `$WAYBILL_CACHE/clients` (`~/.cache/waybill/clients`), which a change of the versions makes anew.

mod tools;

use std::path::Path;

use tools::{NODE, PYTHON, Tools, finished};
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::token;
use waybill_testkit::unavailable::or_skip;

/// A server where nothing moves by itself.
async fn server() -> Waybill {
    let start = Start::demo(env!("CARGO_BIN_EXE_waybill"));
    let start = start.delivering_within_ms("3600000");
    start.ready().await.expect("it starts")
}

/// Its specification, in a file.
async fn specification(app: &Waybill, folder: &Path) {
    let answer = app.client().get("/openapi.json").await.expect("an answer");
    std::fs::write(folder.join("openapi.json"), &answer.body).expect("written");
}

fn url(app: &Waybill) -> String {
    format!("http://{}", app.address())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_linters_have_nothing_to_say() {
    let Some(tools) = or_skip(Tools::of(&NODE)) else {
        return;
    };
    let app = server().await;
    let work = tools.work_folder(&["spectral.yaml", "redocly.yaml", ".redocly.lint-ignore.yaml"]);
    specification(&app, work.path()).await;
    let spectral = tools.node("spectral").args([
        "lint",
        "openapi.json",
        "--ruleset",
        "spectral.yaml",
        "--fail-severity=hint",
    ]);
    finished(spectral, work.path());
    let redocly = tools.node("redocly");
    let redocly = redocly.args(["lint", "openapi.json", "--max-problems=1000"]);
    let said = finished(redocly, work.path());
    assert!(!said.contains("warning"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_typescript_client_serves_a_shop() {
    let Some(tools) = or_skip(Tools::of(&NODE)) else {
        return;
    };
    let app = server().await;
    let work = tools.work_folder(&["shop.mts", "tsconfig.json"]);
    specification(&app, work.path()).await;
    let generate = tools.node("openapi-typescript");
    finished(
        generate.args(["openapi.json", "-o", "waybill.d.ts"]),
        work.path(),
    );
    finished(tools.node("tsc").args(["-p", "."]), work.path());
    let shop = tools.program("node").arg("built/shop.mjs");
    let shop = shop.arg(url(&app)).arg(token::demo("admin"));
    assert!(finished(shop, work.path()).ends_with("done\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_python_client_serves_a_shop() {
    let Some(tools) = or_skip(Tools::of(&PYTHON)) else {
        return;
    };
    let app = server().await;
    let work = tools.work_folder(&["shop.py", "python.yaml"]);
    specification(&app, work.path()).await;
    let generate = tools.program("bin/openapi-python-client").args([
        "generate",
        "--path=openapi.json",
        "--config=python.yaml",
        "--meta=none",
        "--output-path=waybill_client",
        "--fail-on-warning",
    ]);
    finished(generate, work.path());
    let shop = tools.program("bin/python").arg("shop.py");
    let shop = shop.arg(url(&app)).arg(token::demo("admin"));
    assert!(finished(shop, work.path()).ends_with("done\n"));
}
