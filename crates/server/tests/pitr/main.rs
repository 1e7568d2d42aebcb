//! A PostgreSQL brought back with `deploy/postgres-backup`, as docs/operations.md tells: what was answered up to the time
//! is there, nothing after it, and cursors from before the restore are refused.

mod shop;

use serde_json::Value;
use shop::{Kept, Shop};
use waybill_testkit::postgres::Mode;

#[tokio::test]
async fn what_was_answered_up_to_the_time_is_back_and_cursors_of_the_former_life_are_recognised() {
    let Some((mut kept, mut shop)) = Kept::open().await else {
        return;
    };
    let mut back = shop.place("before-the-base", 5).await;
    let older = shop.end_of_feed().await;
    kept.archive.base(&kept.server).expect("a base backup");
    back.extend(shop.place("after-the-base", 5).await);
    let time = kept.server.sql("postgres", "SELECT clock_timestamp()");
    let time = time.expect("it tells the time");
    let lost = shop.place("after-the-time", 5).await;
    let newer = shop.end_of_feed().await;
    kept.archive
        .takes_all_of(&kept.server)
        .expect("the log is archived");
    shop.stop().await;
    kept.server.stop(Mode::Immediate).expect("it stops");

    let restored = kept.archive.restored(&kept.server, &["--to-time", &time]);
    let restored = restored.expect("it is restored");
    let mut shop = Shop::on(&restored).await;
    let warned = shop.app.output();
    assert!(warned.contains("another line of history"), "{warned}");
    let (ok, _, told) = shop.migrate("--restored").await;
    assert!(!ok && told.contains("others are connected"), "{told}");
    shop.stop().await;
    let (ok, life, told) = shop.migrate("--restored").await;
    assert!(ok, "{told}");
    assert_ne!(life["generation"], life["former"]);
    assert_eq!(life["moved"], Value::Array(vec![]), "{life}");

    shop.app.start().await.expect("it starts");
    let said = shop.app.output();
    assert!(!said.contains("another line of history"), "{said}");
    for cursor in [older, newer] {
        let path = format!("/v1/events?after={cursor}");
        let answer = shop.app.client().get(&path).await.expect("an answer");
        assert_eq!(answer.status, 410, "{}", answer.text());
        assert_eq!(answer.json::<Value>()["code"], "generation_changed");
        assert!(answer.text().contains("restored"), "{}", answer.text());
    }
    for order in &lost {
        assert_eq!(shop.status_of(order).await, None);
    }
    back.extend(shop.place("after-the-restore", 5).await);
    shop.delivered(&back).await;
    shop.adds_up().await;
}

#[tokio::test]
async fn a_killed_server_whose_log_is_left_gives_back_everything_that_was_answered() {
    let Some((mut kept, mut shop)) = Kept::open().await else {
        return;
    };
    kept.archive.base(&kept.server).expect("a base backup");
    let mut orders = shop.place("first", 5).await;
    let second = kept.archive.base(&kept.server).expect("a base backup");
    orders.extend(shop.place("second", 5).await);
    shop.stop().await;
    kept.server.stop(Mode::Killed).expect("it is killed");
    kept.prune(1);
    assert_eq!(kept.bases(), [second]);

    let old = kept.server.data().expect("its folder");
    let log_of = old.to_str().expect("text");
    let restored = kept
        .archive
        .restored(&kept.server, &["--latest", "--log-of", log_of]);
    let restored = restored.expect("it is restored");
    let shop = Shop::on(&restored).await;
    shop.delivered(&orders).await;
    shop.adds_up().await;
}

#[tokio::test]
async fn a_time_before_every_base_is_refused_and_so_is_a_folder_with_something_in_it() {
    let Some((kept, shop)) = Kept::open().await else {
        return;
    };
    kept.archive.base(&kept.server).expect("a base backup");
    let refused = |arguments: &[&str]| {
        let restored = kept.archive.restored(&kept.server, arguments);
        format!("{:#}", restored.expect_err("refused"))
    };
    let told = refused(&["--to-time", "2020-02-02 02:02:02+00"]);
    assert!(told.contains("no base that was finished by"), "{told}");
    let told = refused(&[]);
    assert!(told.contains("--to-time TIME or --latest"), "{told}");
    let data = kept.server.data().expect("its folder");
    let told = refused(&["--latest", "--data", data.to_str().expect("text")]);
    assert!(told.contains("is not empty"), "{told}");
    shop.adds_up().await;
}

#[tokio::test]
async fn a_counter_that_stands_before_the_log_is_refused_and_moved_on() {
    let Some((kept, mut shop)) = Kept::open().await else {
        return;
    };
    shop.place("key", 1).await;
    shop.stop().await;
    let sql = "SELECT setval('order_numbers', 1, false); \
               SELECT setval('log_positions_' || part, 1, false) FROM events GROUP BY part";
    kept.server.sql(shop::DATABASE, sql).expect("set back");
    shop.app
        .start()
        .await
        .expect_err("it would give positions twice");
    assert!(shop.app.output().contains("--restored"));
    let (ok, life, told) = shop.migrate("--restored").await;
    assert!(ok, "{told}");
    assert!(
        life["moved"].as_array().expect("a list").len() >= 2,
        "{life}"
    );
    shop.app.start().await.expect("it starts");
    shop.place("another", 1).await;
    shop.adds_up().await;
}

#[tokio::test]
async fn a_base_that_fails_leaves_nothing_and_what_a_killed_one_left_is_pruned() {
    let Some((kept, shop)) = Kept::open().await else {
        return;
    };
    let to = kept.archive.bases();
    let to = to.to_str().expect("text");
    let nowhere = "postgres://backup@127.0.0.1:1/postgres";
    let failed = kept.archive.run(&["base", "--to", to, "--url", nowhere]);
    let told = format!("{:#}", failed.expect_err("no server listens there"));
    assert!(
        !told.contains("unbound") && !told.contains("not found"),
        "{told}"
    );
    assert_eq!(kept.bases(), Vec::<std::path::PathBuf>::new());

    kept.archive.base(&kept.server).expect("a base backup");
    // No process has the highest number that there may be.
    let left = kept.archive.bases().join("base.partial.4194305");
    let aged = format!(
        "mkdir '{0}' && touch -d '2 hours ago' '{0}'",
        left.display()
    );
    let made = std::process::Command::new("bash")
        .args(["-c", &aged])
        .status();
    assert!(made.expect("it runs").success());
    kept.prune(1);
    assert!(!left.exists());
    assert_eq!(kept.bases().len(), 1);
    shop.adds_up().await;
}
