//! Signing secrets that anyone could guess: outside `demo` the server refuses to start with them.

use waybill_testkit::server::Start;
use waybill_testkit::token::{DEMO_SECRET, OWN_SECRET};

#[tokio::test]
async fn a_secret_that_can_be_guessed_is_refused_with_the_way_out() {
    let start = Start::standard(env!("CARGO_BIN_EXE_waybill"), "api");
    for secret in [
        "a".repeat(32),
        " ".repeat(40),
        format!("{DEMO_SECRET} "),
        DEMO_SECRET.to_uppercase(),
        "hunter2!".repeat(5),
        "short".to_owned(),
    ] {
        let start = start.clone().env("JWT_SECRET", &secret);
        let mut app = start.prepared().expect("a folder");
        app.begin().expect("it is started");
        let status = app.ended().await.expect("it ends by itself");
        let said = app.output();
        assert!(!status.success(), "{secret:?} was taken: {said}");
        assert!(said.contains("openssl rand -hex 32"), "{secret:?}: {said}");
        let shown = secret.trim();
        assert!(shown.is_empty() || !said.contains(shown), "{said}");
    }
    let own = start.env("JWT_SECRET", OWN_SECRET);
    own.ready().await.expect("one of its own is taken");
}
