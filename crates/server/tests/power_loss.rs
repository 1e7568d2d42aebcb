//! The same as the crash test, but what was never synced is lost at each kill: wholly, in part, torn.

use waybill_testkit::checker::Enough;
use waybill_testkit::ordeal::Ordeal;
use waybill_testkit::seed;
use waybill_testkit::server::Start;
use waybill_testkit::traffic::Load;

/// Checkpoints several times between two kills, so that some hit one.
const OFTEN: &str = "100";
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
        power: true,
        enough: Enough {
            orders: 500,
            faults: 15,
        },
    }
}

fn start() -> Start {
    Start::demo(WAYBILL)
        .on_test_disk()
        .env("WAYBILL_STORE__CHECKPOINT_PAGES", OFTEN)
        .delivering_within_ms("0-300")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_loss_loses_no_acknowledged_order() {
    let ordeal = ordeal();
    let outcome = ordeal.run(start()).await.expect("the run itself works");
    assert!(
        outcome.verdict.is_green(),
        "seed {}\n{}",
        ordeal.seed,
        outcome.verdict
    );
    assert!(
        outcome.strikes.len() >= 20,
        "only {} power losses",
        outcome.strikes.len()
    );
    let at_stake = outcome.strikes.iter().filter(|s| s.unsynced > 0).count();
    assert!(
        at_stake >= 5,
        "only {at_stake} power losses had anything to take"
    );
}

/// The checker can fail: the same run on a store with this defect.
#[cfg(feature = "planted-defects")]
async fn verdict_with(defect: &str) -> waybill_testkit::checker::Verdict {
    let start = start().env("WAYBILL_TEST_DEFECT", defect);
    ordeal()
        .run(start)
        .await
        .expect("the run itself works")
        .verdict
}

#[cfg(feature = "planted-defects")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_does_not_sync_is_found_out() {
    let verdict = verdict_with("synchronous_off").await;
    assert!(
        verdict.violates("I1") || verdict.violates("I18"),
        "{verdict}"
    );
}

/// `synchronous=NORMAL` keeps the file sound and loses what was acknowledged last.
#[cfg(feature = "planted-defects")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_syncs_only_at_checkpoints_is_found_out() {
    let verdict = verdict_with("synchronous_normal").await;
    assert!(verdict.violates("I1"), "{verdict}");
}
