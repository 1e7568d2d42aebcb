//! Backups of this driver, and the copy it makes before a migration.

use super::driver::{Embedded, open};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;
use uuid::Uuid;
use waybill_domain::time::Time;
use waybill_store::conformance::{Harness, ManualClock, Tap};
use waybill_store::sqlite::{
    Backup, Options, Stage, create_backup, open_for_verify, restore_backup, verify_backup,
};
use waybill_store::{Accepted, Error, Result, Store, migrations};

const TAKEN: Time = Time(1_790_000_000_000_000);
const NEW_LIFE: Uuid = Uuid::from_u128(7);

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn create(data: &Path, to: &Path) -> Result<Backup> {
    create_backup(data, to, TAKEN, &mut |_| {})
}

fn restore(file: &Path, data: &Path) -> Result<Backup> {
    restore_backup(file, data, NEW_LIFE, false, &mut |_| {})
}

fn open_in(data: &Path) -> Result<Arc<dyn Store>> {
    open(
        Options::new(data),
        ManualClock::default().as_now(),
        Arc::new(Tap::default()),
        &mut Uuid::nil,
    )
}

/// A store with two orders and stock, still open.
async fn store() -> (Arc<Embedded>, Harness) {
    let driver = Embedded::new();
    let h = Harness::open(driver.clone(), super::seed()).await;
    h.sold("A", 9, 1).await;
    h.created(h.make.order(&[("A", 2)])).await;
    (driver, h)
}

#[tokio::test]
async fn a_backup_is_one_private_file_that_says_what_it_holds() {
    let (driver, h) = store().await;
    let place = folder();
    let to = place.path().join("orders.backup");
    let mut stages = vec![];
    let backup = create_backup(driver.path(), &to, TAKEN, &mut |s| stages.push(s)).unwrap();
    assert_eq!(backup.report.findings, []);
    assert_eq!(backup.report.counts.orders, 2);
    assert_eq!(backup.taken_at, Some(TAKEN));
    assert_eq!(backup.store_id, h.store.identity().store_id);
    assert_eq!(backup.generation, h.store.identity().generation);
    assert_eq!(backup.schema, migrations::known());
    assert_eq!(backup.bytes, to.metadata().unwrap().len());
    assert_eq!(names(place.path()), ["orders.backup"]);
    assert!(matches!(stages[0], Stage::Copying(c) if c.done <= c.total));
    assert_eq!(stages.last(), Some(&Stage::Checking));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(to.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let again = verify_backup(&to, &mut |_| {}).unwrap();
    assert_eq!(again.report.counts.events, backup.report.counts.events);
    assert_eq!(again.taken_at, Some(TAKEN));
    assert_eq!(
        names(place.path()),
        ["orders.backup"],
        "looking leaves nothing"
    );
    h.store.close().await;
}

#[tokio::test]
async fn a_file_that_is_there_is_not_overwritten_and_nothing_is_left_of_the_attempt() {
    let (driver, h) = store().await;
    let place = folder();
    let to = place.path().join("orders.backup");
    std::fs::write(&to, "precious").unwrap();
    let refused = create(driver.path(), &to).expect_err("refused").to_string();
    assert!(refused.contains("not overwritten"), "{refused}");
    assert_eq!(std::fs::read(&to).unwrap(), b"precious");
    assert_eq!(names(place.path()), ["orders.backup"]);
    let refused = create(driver.path(), &place.path().join("no/such/folder"));
    assert!(refused.is_err());
    h.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_adds_up_and_has_all_that_was_acknowledged_before_it() {
    let (driver, h) = store().await;
    h.put("A", 1_000_000_000).await;
    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(std::sync::atomic::AtomicUsize::new(2));
    let load = {
        let (store, make) = (h.store.clone(), h.make.clone());
        let (stop, done) = (stop.clone(), done.clone());
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                let batch = (0..20).map(|_| Arc::new(make.order(&[("A", 1)]))).collect();
                let taken = store.accept(batch).await.expect("taken");
                assert!(
                    taken
                        .iter()
                        .all(|r| matches!(r, Ok(Accepted::Created { .. })))
                );
                done.fetch_add(20, Ordering::SeqCst);
            }
        })
    };
    let place = folder();
    for round in 0..5 {
        let acknowledged = done.load(Ordering::SeqCst);
        let (data, to) = (
            driver.path().to_owned(),
            place.path().join(format!("{round}")),
        );
        let backup = tokio::task::spawn_blocking(move || create(&data, &to).unwrap())
            .await
            .unwrap();
        assert_eq!(backup.report.findings, []);
        assert!(backup.report.counts.orders >= acknowledged);
    }
    stop.store(true, Ordering::SeqCst);
    load.await.unwrap();
    h.store.close().await;
}

#[tokio::test]
async fn a_restored_store_is_the_backed_up_one_with_a_new_generation() {
    let (driver, h) = store().await;
    let place = folder();
    let to = place.path().join("orders.backup");
    create(driver.path(), &to).unwrap();
    let late = h.created(h.make.order(&[("A", 1)])).await;
    let identity = h.store.identity().clone();
    h.store.close().await;

    let data = place.path().join("a/new/folder");
    let restored = restore(&to, &data).unwrap();
    assert_eq!(restored.report.findings, []);
    assert_eq!(restored.taken_at, Some(TAKEN));
    assert_eq!(restored.generation, NEW_LIFE.to_string());
    assert_eq!(names(&data), ["waybill.db", "waybill.lock"]);
    let store = open_in(&data).unwrap();
    assert_eq!(store.identity().store_id, identity.store_id);
    assert_eq!(store.identity().generation, NEW_LIFE.to_string());
    assert!(store.orders(vec![late]).await.unwrap().is_empty());
    store.close().await;
    assert_eq!(open_for_verify(&data).unwrap().findings, []);
    // A backup of the restored store is one of its own time.
    let second = create_backup(&data, &place.path().join("2"), Time(1), &mut |_| {}).unwrap();
    assert_eq!(second.taken_at, Some(Time(1)));
}

#[tokio::test]
async fn a_folder_that_is_in_use_or_not_empty_is_not_restored_into() {
    let (driver, h) = store().await;
    let place = folder();
    let to = place.path().join("orders.backup");
    create(driver.path(), &to).unwrap();
    let refused = restore(&to, driver.path()).expect_err("in use").to_string();
    assert!(refused.contains("holds a store already"), "{refused}");
    h.store.close().await;

    let filled = folder();
    std::fs::write(filled.path().join("holiday.jpg"), "x").unwrap();
    let refused = restore(&to, filled.path()).expect_err("filled").to_string();
    assert!(refused.contains("holiday.jpg"), "{refused}");
    assert_eq!(names(filled.path()), ["holiday.jpg"]);

    let taken = folder();
    std::fs::write(taken.path().join("waybill.lock"), "1").unwrap();
    let lock = std::fs::File::open(taken.path().join("waybill.lock")).unwrap();
    lock.try_lock().unwrap();
    let refused = restore(&to, taken.path()).expect_err("locked");
    assert!(matches!(refused, Error::Locked { .. }), "{refused}");
    drop(lock);
    std::fs::write(
        taken.path().join("waybill.db.partial"),
        "of a killed restore",
    )
    .unwrap();
    restore(&to, taken.path()).unwrap();
    assert_eq!(names(taken.path()), ["waybill.db", "waybill.lock"]);
}

#[tokio::test]
async fn a_damaged_backup_is_told_and_makes_a_store_only_on_demand() {
    let (driver, h) = store().await;
    h.store.close().await;
    let place = folder();
    let to = place.path().join("orders.backup");
    create(driver.path(), &to).unwrap();
    let backup = rusqlite::Connection::open(&to).unwrap();
    backup
        .execute(
            "UPDATE order_lines SET backordered = 1, reserved = reserved - 1",
            [],
        )
        .unwrap();
    drop(backup);
    assert_ne!(verify_backup(&to, &mut |_| {}).unwrap().report.findings, []);
    let data = place.path().join("data");
    assert_ne!(restore(&to, &data).unwrap().report.findings, []);
    assert_eq!(names(&data), ["waybill.lock"]);
    restore_backup(&to, &data, NEW_LIFE, true, &mut |_| {}).unwrap();
    assert_eq!(names(&data), ["waybill.db", "waybill.lock"]);
}

#[test]
fn what_is_no_backup_is_refused() {
    let place = folder();
    let text = place.path().join("text");
    std::fs::write(&text, "not a database at all, but long enough to look at").unwrap();
    let other = place.path().join("other");
    rusqlite::Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE meta (x)")
        .unwrap();
    let missing = place.path().join("missing");
    for file in [&text, &other, &missing, &place.path().to_owned()] {
        let refused = verify_backup(file, &mut |_| {})
            .expect_err("refused")
            .to_string();
        assert!(refused.contains("is no backup"), "{refused}");
        let data = place.path().join("data");
        assert!(restore(file, &data).is_err());
        assert!(!data.exists());
    }
}

#[tokio::test]
async fn a_store_of_an_older_version_is_copied_before_it_is_migrated() {
    let data = folder();
    // As an older version left it.
    let old = rusqlite::Connection::open(data.path().join("waybill.db")).unwrap();
    old.execute_batch(include_str!("../../migrations/sqlite/0001_initial.sql"))
        .unwrap();
    old.execute_batch("INSERT INTO meta VALUES ('store_id', 'kept'); PRAGMA user_version = 1;")
        .unwrap();
    drop(old);
    for number in ["0000", "0001", "0001.old"] {
        let copy = format!("waybill.db.before-{number}");
        std::fs::write(data.path().join(copy), "from long ago").unwrap();
    }
    std::fs::write(data.path().join("waybill.db.before-0002.partial"), "killed").unwrap();
    open_in(data.path()).unwrap().close().await;
    let found = names(data.path());
    assert_eq!(
        found,
        [
            "waybill.db",
            "waybill.db.before-0001",
            "waybill.db.before-0001.old",
            "waybill.db.before-0002",
            "waybill.lock"
        ]
    );
    let copy = rusqlite::Connection::open(data.path().join("waybill.db.before-0002")).unwrap();
    let (schema, id): (i64, String) = copy
        .query_row(
            "SELECT user_version, value FROM pragma_user_version, meta",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!((schema, id.as_str()), (1, "kept"));
    let store = open_in(data.path()).unwrap();
    assert_eq!(store.identity().store_id, "kept");
    store.close().await;
    assert_eq!(names(data.path()), found, "no second copy");
}

#[tokio::test]
async fn a_backup_of_an_older_version_is_brought_up_to_date_when_it_is_restored() {
    let (place, data) = (folder(), folder());
    let to = place.path().join("old.backup");
    let old = rusqlite::Connection::open(&to).unwrap();
    old.execute_batch(include_str!("../../migrations/sqlite/0001_initial.sql"))
        .unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    drop(old);
    assert_eq!(verify_backup(&to, &mut |_| {}).unwrap().schema, 1);
    let restored = restore(&to, data.path()).unwrap();
    assert_eq!(restored.schema, migrations::known());
    open_in(data.path()).unwrap().close().await;
}

#[tokio::test]
async fn a_newer_schema_is_run_on_when_it_says_that_this_version_may() {
    let (driver, h) = store().await;
    h.store.close().await;
    let newer = migrations::known() + 1;
    let connection = driver.connection();
    connection
        .pragma_update(None, "user_version", newer)
        .unwrap();
    let says = |oldest: i64| {
        connection
            .execute(
                "UPDATE meta SET value = ?1 WHERE key = 'min_compatible'",
                [format!("{newer}:{oldest}")],
            )
            .map(|changed| assert_eq!(changed, 1))
            .unwrap();
    };
    says(newer);
    assert!(matches!(
        open_in(driver.path()).err(),
        Some(Error::NewerSchema { .. })
    ));
    assert!(open_for_verify(driver.path()).is_err());
    says(migrations::known());
    open_in(driver.path()).expect("runs").close().await;
    assert_eq!(open_for_verify(driver.path()).unwrap().findings, []);
    let found: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(found, newer, "it is left as it is");
}
