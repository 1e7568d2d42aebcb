//! What was not confirmed when a process stopped is published by the next one.

use super::wire::Wire;
use super::{Shop, folder, positions};

#[tokio::test]
async fn nothing_is_lost_when_the_broker_is_away_at_a_restart() {
    let (folder, away) = (folder(), Wire::away());
    let shop = Shop::open(folder.path(), "api,relay", &away, &[]).await;
    shop.stock().await;
    shop.order().await;
    away.until(|seen| !seen.calls.is_empty()).await;
    shop.close().await;
    let wire = Wire::open();
    let shop = Shop::open(folder.path(), "api,relay", &wire, &[]).await;
    let last = shop.order().await;
    let seen = wire.until(|seen| seen.of(&last).len() == 2).await;
    let log = positions(&shop.log().await);
    assert_eq!(seen.positions(), log, "an event was lost");
    shop.close().await;
}

/// Runs the test above in a process of its own, with the defect.
#[cfg(feature = "planted-defects")]
#[test]
fn the_test_of_a_restart_is_red_with_a_cursor_that_moves_before_the_confirm() {
    let test = "roles::relay::tests::restart::nothing_is_lost_when_the_broker_is_away_at_a_restart";
    let run = |defect: Option<&str>| {
        let this = std::env::current_exe().expect("the test binary");
        let mut child = std::process::Command::new(this);
        child.args(["--exact", test]);
        child.env_remove("WAYBILL_TEST_DEFECT");
        child.envs(defect.map(|name| ("WAYBILL_TEST_DEFECT", name)));
        let output = child.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("running 1 test"), "{said}");
        (output.status.success(), said)
    };
    let (green, said) = run(None);
    assert!(green, "{said}");
    let (green, said) = run(Some("cursor_before_confirm"));
    assert!(!green && said.contains("an event was lost"), "{said}");
}
