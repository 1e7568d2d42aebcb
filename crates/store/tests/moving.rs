//! An embedded store is moved into a shared one and continues there with the same identity, data and counters.

#[path = "postgres/driver.rs"]
mod postgres;
#[path = "sqlite/driver.rs"]
mod sqlite;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::Notify;
use waybill_domain::ids::{OrderId, ShipmentId};
use waybill_domain::intake::NewOrder;
use waybill_domain::text::Tenant;
use waybill_store::archive::Archiving;
use waybill_store::conformance::{Driver, Harness, Story, Tap};
use waybill_store::moving::{Moved, Stage, TABLES, move_store};
use waybill_store::sqlite::{Options, create_backup, restore_backup};
use waybill_store::{
    Accepted, Error, OrderFilter, OrderRef, RelayCommand, RelayPause, RelayStart, Result,
    ShipmentFilter,
};

fn seed() -> u64 {
    let seed = std::env::var("WAYBILL_TEST_SEED").ok();
    seed.and_then(|s| s.parse().ok()).unwrap_or(20_260_504)
}

/// A store with data, and a database to move it into; `None` without PostgreSQL.
async fn with_a_past(
    partitions: u16,
) -> Option<(Arc<sqlite::Embedded>, Story, Arc<postgres::Shared>)> {
    let target = postgres::Shared::new(postgres::Way::Direct, partitions).await?;
    let source = sqlite::Embedded::new();
    println!("seed {}", seed());
    let h = Harness::open(source.clone(), seed()).await;
    for sku in ["A", "B", "C"] {
        h.put(sku, 60).await;
    }
    let mut story = Story::new(h);
    story.tell(200).await;
    archive_some(&mut story).await;
    Some((source, story, target))
}

/// Moves the oldest finished orders into the archive; the story goes on without them.
async fn archive_some(story: &mut Story) {
    story.h.clock.advance_ms(1);
    let which = Archiving {
        after: 0,
        before: story.h.clock.now(),
        limit: 5,
    };
    let done = story.h.store.archive(which).await.expect("archived");
    assert_eq!((done.archived, done.failed), (5, vec![]));
    let mut stay = vec![];
    for id in &story.orders {
        let gone = story.h.store.is_archived(&Tenant::default(), *id).await;
        if !gone.expect("read") {
            stay.push(*id);
        }
    }
    story.orders = stay;
}

async fn moving(
    source: &sqlite::Embedded,
    target: &postgres::Shared,
    progress: &mut (dyn FnMut(Stage) + Send),
) -> Result<Moved> {
    let mut none = || panic!("the database is migrated already");
    move_store(source.path(), &target.options(), &mut none, progress).await
}

/// Continues the story on the store that it was moved into.
async fn goes_on(mut story: Story, target: &Arc<postgres::Shared>) -> Story {
    let (clock, tap) = (story.h.clock.clone(), Arc::new(Tap::default()));
    let mut no_id = uuid::Uuid::nil;
    let store = target.open(clock.as_now(), tap.clone(), &mut no_id).await;
    story.h.store = store.expect("opens");
    (story.h.tap, story.h.driver) = (tap, target.clone());
    story
}

/// Everything that can be read of a store.
#[derive(Debug, PartialEq)]
struct Contents {
    identity: (String, String),
    orders: Vec<String>,
    log: Vec<String>,
    shipments: Vec<String>,
    stock: Vec<String>,
    parked: Vec<String>,
    figures: Vec<String>,
    timers: Vec<String>,
    archived: Vec<String>,
}

async fn told(h: &Harness) -> Contents {
    let (store, tenant) = (&h.store, Tenant::default());
    let (mut orders, mut before) = (vec![], None);
    loop {
        let filter = OrderFilter {
            before,
            limit: 50,
            ..OrderFilter::default()
        };
        let page = store.list_orders(&tenant, filter).await.expect("read");
        orders.extend(page.items.iter().map(|order| format!("{order:?}")));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let (mut shipments, mut last): (_, Option<ShipmentId>) = (vec![], None);
    loop {
        let filter = ShipmentFilter {
            before: last,
            limit: 50,
            ..ShipmentFilter::default()
        };
        let page = store.list_shipments(&tenant, filter).await.expect("read");
        shipments.extend(page.items.iter().map(|shipment| format!("{shipment:?}")));
        last = page.next;
        if last.is_none() {
            break;
        }
    }
    let stock = store.stock(&tenant, vec![], None, 50).await.expect("read");
    let parked = store.list_parked(&tenant, None, 50).await.expect("read");
    let stats = store.stats().await.expect("read");
    let timers = store.due_timers(0, h.make.in_ms(1_000_000), 1_000).await;
    let mut archived = vec![];
    for number in 1..300 {
        let found = store.archived(&tenant, OrderRef::Number(number)).await;
        archived.extend(found.expect("read").map(|order| format!("{order:?}")));
    }
    let identity = store.identity();
    Contents {
        identity: (identity.store_id.clone(), identity.generation.clone()),
        orders,
        log: h.log().await.iter().map(|e| format!("{e:?}")).collect(),
        shipments,
        stock: stock.items.iter().map(|row| format!("{row:?}")).collect(),
        parked: parked.items.iter().map(|p| format!("{p:?}")).collect(),
        figures: vec![
            format!("{:?}", stats.orders_by_status),
            format!("{:?}", stats.cursors),
            format!("{:?}", stats.log_positions.of(0)),
            format!("{:?}", (stats.parked, stats.dead, stats.timers, stats.work)),
        ],
        timers: timers
            .expect("read")
            .0
            .iter()
            .map(|t| format!("{t:?}"))
            .collect(),
        archived,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_store_holds_what_it_held_and_its_story_goes_on() {
    let Some((source, story, target)) = with_a_past(1).await else {
        return;
    };
    let before = told(&story.h).await;
    let began = story.h.store.relay_start(RelayStart::Now).await;
    let pause = RelayPause {
        since: story.h.clock.now(),
        by: "ops".into(),
        reason: None,
    };
    let tenant = Tenant::default();
    let paused = RelayCommand::Pause(pause.clone());
    let paused = story.h.store.command_relay(&tenant, paused, None);
    paused.await.expect("written");
    story.h.store.close().await;
    // As in a database that an earlier version has made.
    let schema = waybill_store::migrations::known();
    target.sql(&format!(
        "DELETE FROM meta WHERE key = 'log_form'; UPDATE meta SET value = '{schema}:3' WHERE key = 'min_compatible'"
    ));
    let moved = moving(&source, &target, &mut |_| {}).await.expect("moves");
    assert_eq!(moved.report.counts.orders, story.orders.len());
    let note = "SELECT value FROM meta WHERE key IN ('log_form', 'min_compatible') ORDER BY key";
    let note = target.sql(note);
    let note: Vec<&str> = note.lines().collect();
    let oldest = format!("{schema}:{}", waybill_store::archive::SINCE);
    assert_eq!(
        note,
        ["packed", oldest.as_str()],
        "packed rows, and archived orders"
    );
    let mut story = goes_on(story, &target).await;
    let begins = story.h.store.relay_start(RelayStart::Beginning).await;
    assert_eq!(begins.expect("read"), began.expect("stored"));
    let state = story.h.store.relay_state().await.expect("read");
    assert_eq!(state.pause, Some(pause));
    let after = told(&story.h).await;
    assert_eq!(after.orders, before.orders);
    assert_eq!(after.log, before.log);
    assert_eq!(after, before);
    assert!(!after.timers.is_empty(), "deliveries were under way");
    assert_eq!(after.archived.len(), 5);
    // Orders, commands, the carrier and both consumers, as before.
    story.tell(200).await;
    assert_eq!(story.h.findings().await, [""; 0]);
    assert!(story.h.log().await.len() > before.log.len() + 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_key_gives_the_old_order_and_new_orders_go_to_all_parts() {
    let Some((source, story, target)) = with_a_past(4).await else {
        return;
    };
    let h = &story.h;
    h.put("D", 100).await;
    let old: NewOrder = h.make.order(&[("D", 2)]);
    let id = h.created(old.clone()).await;
    let number = h.record(id).await.number;
    let last = h.log().await.last().expect("events").position;
    h.store.close().await;
    moving(&source, &target, &mut |_| {}).await.expect("moves");
    let story = goes_on(story, &target).await;
    let h = &story.h;
    match h.accept_one(h.make.again(&old)).await {
        Ok(Accepted::Replayed { order_id }) => assert_eq!(order_id, id),
        other => panic!("{other:?}"),
    }
    let (mut partitions, mut numbers) = (BTreeSet::new(), BTreeSet::from([number]));
    for _ in 0..8 {
        h.clock.advance_ms(100);
        let id: OrderId = h.created(h.make.order(&[("D", 1)])).await;
        let record = h.record(id).await;
        partitions.insert(record.order.partition);
        assert!(record.number > number && numbers.insert(record.number));
    }
    assert_eq!(partitions, BTreeSet::from([0, 1, 2, 3]));
    // Orders from before the move keep their partition, and their new events follow the old ones.
    h.shipped_off(id).await;
    let events = h.events_of(id).await;
    assert!(events.iter().all(|e| e.partition == 0));
    assert!(events.last().expect("events").position > last);
    assert_eq!(h.level("D").await.reserved, 10);
    // The events of a stock row may continue in another partition, without a gap in their sequence.
    for sku in ["A", "B", "C", "D"] {
        h.put(sku, 500).await;
    }
    assert_eq!(h.findings().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_store_is_served_no_more_where_it_was() {
    let Some((source, story, target)) = with_a_past(4).await else {
        return;
    };
    story.h.store.close().await;
    let first = moving(&source, &target, &mut |_| {}).await.expect("moves");
    let opened = source
        .open(story.h.clock.as_now(), story.h.tap.clone(), &mut || {
            panic!("it has an id")
        })
        .await;
    let refused = opened.map(|_| ()).expect_err("it lives elsewhere");
    assert!(refused.to_string().contains("was moved to"), "{refused}");
    let again = moving(&source, &target, &mut |_| {}).await;
    let refused = again.expect_err("it is there");
    assert!(refused.to_string().contains("already"), "{refused}");
    // A restore on the old side has another generation.
    let (file, elsewhere) = (
        source.path().join("kept.backup"),
        tempfile::tempdir().expect("a folder"),
    );
    create_backup(source.path(), &file, story.h.clock.now(), &mut |_| {}).expect("backed up");
    let generation = story.h.make.id();
    restore_backup(&file, elsewhere.path(), generation, false, &mut |_| {}).expect("restored");
    let opened = sqlite::open(
        Options::new(elsewhere.path()),
        story.h.clock.as_now(),
        story.h.tap.clone(),
        &mut || story.h.make.id(),
    );
    let restored = opened.expect("it is served again");
    assert_ne!(restored.identity().generation, first.generation);
    restored.close().await;
    // The rows of the log are there, as many as the report tells.
    let events = first.tables.iter().find(|t| t.table == "events");
    let told = events.expect("the log is moved").rows;
    let there = target.sql("SELECT count(*) FROM events");
    assert_eq!(there.trim(), told.to_string());
    assert_ne!(told, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_in_use_is_not_moved_and_none_is_moved_into_another() {
    let Some((source, story, target)) = with_a_past(1).await else {
        return;
    };
    let refused = moving(&source, &target, &mut |_| {}).await;
    assert!(matches!(refused, Err(Error::Locked { .. })), "{refused:?}");
    story.h.store.close().await;
    let other = Harness::open(target.clone(), 1).await;
    let refused = moving(&source, &target, &mut |_| {}).await;
    let refused = refused.expect_err("a process has it open").to_string();
    assert!(refused.contains("in use"), "{refused}");
    other.put("A", 1).await;
    other.store.close().await;
    drop(other);
    let refused = moving(&source, &target, &mut |_| {}).await;
    let refused = refused.expect_err("it holds a store").to_string();
    assert!(refused.contains("stock has rows"), "{refused}");
    let nothing = tempfile::tempdir().expect("a folder");
    let refused = move_store(
        nothing.path(),
        &target.options(),
        &mut || panic!("migrated"),
        &mut |_| {},
    )
    .await;
    let refused = refused.expect_err("there is no store").to_string();
    assert!(refused.contains("no store"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_is_broken_off_leaves_both_as_they_were() {
    let Some((source, story, target)) = with_a_past(4).await else {
        return;
    };
    story.h.store.close().await;
    for at in ["Copying", "Comparing", "CheckingCopy"] {
        let reached = Notify::new();
        let mut progress = |stage: Stage| {
            if format!("{stage:?}").starts_with(at) {
                reached.notify_one();
            }
        };
        tokio::select! {
            biased;
            () = reached.notified() => {}
            moved = moving(&source, &target, &mut progress) => panic!("{at}: {moved:?}"),
        }
    }
    // The check before COMMIT fails.
    target.sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not today'; END $$; \
         CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    let refused = moving(&source, &target, &mut |_| {}).await;
    let refused = refused.expect_err("refused").to_string();
    assert!(refused.contains("not today"), "{refused}");
    target.sql("DROP TRIGGER refuse ON orders");
    for table in TABLES {
        let count = target.sql(&format!("SELECT count(*) FROM {}", table.name));
        assert_eq!(count.trim(), "0", "{}", table.name);
    }
    let mut h = story.h;
    h.reopen().await;
    assert_eq!(h.findings().await, [""; 0]);
    h.store.close().await;
    let moved = moving(&source, &target, &mut |_| {}).await.expect("moves");
    assert_eq!(moved.report.counts.orders, story.orders.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_arrives_as_another_one_is_found() {
    let Some((source, story, target)) = with_a_past(1).await else {
        return;
    };
    story.h.store.close().await;
    target.sql(
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.safety = NEW.safety + 1; RETURN NEW; END $$; \
         CREATE TRIGGER spoil BEFORE INSERT ON stock FOR EACH ROW WHEN (NEW.sku = 'B') EXECUTE FUNCTION spoil()",
    );
    let refused = moving(&source, &target, &mut |_| {}).await;
    let refused = refused.expect_err("it differs").to_string();
    assert!(
        refused.contains("the copy") && refused.contains("stock"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_does_not_add_up_is_not_moved() {
    let Some((source, story, target)) = with_a_past(1).await else {
        return;
    };
    story.h.store.close().await;
    source
        .damage("DELETE FROM events WHERE position = (SELECT max(position) FROM events WHERE order_id IN (SELECT id FROM orders WHERE status = 'delivered'))")
        .await;
    let refused = moving(&source, &target, &mut |_| {}).await;
    let refused = refused.expect_err("an event is missing").to_string();
    assert!(refused.contains("does not add up"), "{refused}");
}

/// Fails when a table or column of the schema is neither listed as moved nor as left out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_column_of_both_schemas_is_moved_or_known_not_to_be() {
    let Some((source, story, target)) = with_a_past(1).await else {
        return;
    };
    story.h.store.close().await;
    let listed = |rows: &str| -> BTreeMap<String, BTreeSet<String>> {
        let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in rows.lines() {
            let (table, column) = row.split_once('|').expect("two columns");
            tables
                .entry(table.into())
                .or_default()
                .insert(column.into());
        }
        tables
    };
    let mut shared = listed(&target.sql(
        "SELECT table_name || '|' || column_name FROM information_schema.columns WHERE table_schema = 'public' \
         AND table_name NOT IN ('meta', 'schema_version', 'order_counts', 'members', 'samples', 'stock_keys') \
         AND NOT (table_name = 'stock' AND column_name IN ('writes', 'run'))",
    ));
    let rows: Vec<String> = source
        .connection()
        .prepare(
            "SELECT t.name || '|' || c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' \
             AND t.name NOT IN ('meta', 'counters', 'members', 'samples') AND t.name NOT LIKE 'sqlite_%'",
        )
        .and_then(|mut sql| sql.query_map([], |row| row.get(0))?.collect())
        .expect("read");
    let mut embedded = listed(&rows.join("\n"));
    for table in TABLES {
        let mut columns: BTreeSet<String> =
            table.columns.iter().map(|c| c.name.to_owned()).collect();
        assert_eq!(
            shared.remove(table.name),
            Some(columns.clone()),
            "{}",
            table.name
        );
        if table.name == "timers" {
            columns.remove("part");
        }
        assert_eq!(embedded.remove(table.name), Some(columns), "{}", table.name);
    }
    assert_eq!((shared, embedded), (BTreeMap::new(), BTreeMap::new()));
}
