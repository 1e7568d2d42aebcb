//! kill -9 under load, twenty times and more: nothing acknowledged is lost, doubled or oversold.

use waybill_testkit::checker::Enough;
use waybill_testkit::ordeal::Ordeal;
use waybill_testkit::seed;
use waybill_testkit::server::Start;
use waybill_testkit::traffic::Load;

const WAYBILL: &str = env!("CARGO_BIN_EXE_waybill");

fn ordeal() -> Ordeal {
    let (kills, orders) = if seed::long_form() {
        (400, 100_000)
    } else {
        (40, 10_000)
    };
    Ordeal {
        seed: seed::of_this_run(),
        load: Load {
            clients: 24,
            pause_ms: 20,
            orders,
        },
        kills,
        after_ms: 0..400,
        power: false,
        enough: Enough {
            orders: 500,
            faults: 15,
        },
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_no_acknowledged_order() {
    let ordeal = ordeal();
    let start = Start::demo(WAYBILL).delivering_within_ms("0-300");
    let outcome = ordeal.run(start).await.expect("the run itself works");
    assert!(
        outcome.verdict.is_green(),
        "seed {}\n{}",
        ordeal.seed,
        outcome.verdict
    );
    assert!(
        outcome.strikes.len() >= 20,
        "only {} kills",
        outcome.strikes.len()
    );
    let unanswered = outcome.strikes_with_unanswered();
    assert!(
        unanswered >= 15,
        "only {unanswered} kills left requests without an answer"
    );
}

/// The checker can fail: a server that answers before it commits is caught by the same run.
#[cfg(feature = "planted-defects")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_answers_before_it_commits_is_found_out() {
    let start = Start::demo(WAYBILL)
        .delivering_within_ms("0-300")
        .env("WAYBILL_TEST_DEFECT", "answer_before_commit");
    let outcome = ordeal().run(start).await.expect("the run itself works");
    assert!(outcome.verdict.violates("I1"), "{}", outcome.verdict);
}
