//! Log rotation: a file is renamed, SIGHUP makes the server write into a new one, and nothing else happens.

use std::time::{Duration, Instant};

use waybill_testkit::server::Start;

use super::WAYBILL;

const WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

#[tokio::test]
async fn a_hangup_opens_the_log_files_anew_and_the_server_goes_on() {
    let app = Start::standard(WAYBILL, "api").env("WAYBILL_LOG__FOLDER", "logs");
    let mut app = app.prepared().expect("a folder");
    app.start().await.expect("ready");
    let logs = app.home().join("logs");
    let (now, rotated) = (logs.join("combined.log"), logs.join("combined.log.1"));
    for round in 0..2 {
        std::fs::rename(&now, &rotated).expect("it is written");
        app.hang_up().expect("it runs");
        let begun = Instant::now();
        let written = || std::fs::read_to_string(&now).unwrap_or_default();
        while !written().contains("log files reopened") {
            assert!(begun.elapsed() < WITHIN, "round {round}: {}", app.output());
            tokio::time::sleep(POLL).await;
        }
        assert!(app.is_ready().await, "round {round}");
    }
    assert!(app.stop().await.expect("it stops").success());
    let last = std::fs::read_to_string(&now).expect("it is there");
    assert!(last.contains("stopped"), "{last}");
}

#[tokio::test]
async fn demo_ends_with_its_terminal_after_it_answered_what_it_accepted() {
    let mut app = Start::demo(WAYBILL).ready().await.expect("ready");
    app.hang_up().expect("it runs");
    assert!(app.ended().await.expect("it ends").success());
}
