//! This driver's own tests: partitions, concurrent writers, durability.

use super::driver::{Shared, Way};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_postgres::NoTls;
use waybill_domain::change::OrderEffect;
use waybill_domain::command::Command;
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::stock::Adjustment;
use waybill_domain::text::Tenant;
use waybill_store::conformance::{
    Driver, Harness, ManualClock, Tap, orders_of_schema_6_show_what_they_showed,
};
use waybill_store::postgres::{PostgresStore, begin_new_incarnation, migrate};
use waybill_store::{ClaimStore, ConsumerBatch, Error, Lease, Positions, Store, StoreBase};

/// A timeout that only a hanging test reaches.
const HANGS: Duration = Duration::from_secs(120);

async fn shared(partitions: u16) -> Option<(Arc<Shared>, Harness)> {
    let driver = Shared::new(Way::Direct, partitions).await?;
    let harness = Harness::open(driver.clone(), super::seed()).await;
    Some((driver, harness))
}

/// Another pool on the same database, like another process's.
async fn open_beside(driver: &Shared, h: &Harness, tap: Arc<Tap>) -> Arc<dyn Store> {
    let mut new_id = || h.make.id();
    let opened = driver.open(h.clock.as_now(), tap, &mut new_id).await;
    opened.expect("opens")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_sent_commits_nothing() {
    let Some((driver, h)) = shared(1).await else {
        return;
    };
    h.put("A", 10).await;
    let mut bad = h.make.order(&[("A", 1)]);
    // The client library accepts it and the database refuses it: PostgreSQL's text has no NUL.
    bad.content = "{\"a\":\"\u{0}\"}".into();
    let good = h.make.order(&[("A", 1)]);
    let results = h.accept(vec![bad, good]).await;
    assert!(
        matches!(results[0], Err(Error::Refused { .. })),
        "{:?}",
        results[0]
    );
    let refused = results[0].as_ref().expect_err("refused");
    assert!(std::error::Error::source(refused).is_some(), "{refused}");
    let logged = waybill_store::with_sources(refused);
    assert!(logged.contains("SQLSTATE 22"), "{logged}");
    assert!(results[1].is_ok());
    assert_eq!(driver.sql("SELECT count(*) FROM orders").trim(), "1");
    assert_eq!(h.level("A").await.reserved, 1);
    assert!(h.findings().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moments_take_the_parts_in_turn_and_an_order_stays_in_its_own() {
    let Some((_driver, h)) = shared(4).await else {
        return;
    };
    h.put("A", 1_000).await;
    let mut ids = vec![];
    for _ in 0..4 {
        // Two orders of one moment.
        h.clock.advance_ms(100);
        for _ in 0..2 {
            ids.push(h.created(h.make.order(&[("A", 1)])).await);
        }
    }
    let mut orders: BTreeMap<u16, usize> = BTreeMap::new();
    for id in &ids {
        h.done(*id, &Command::AddNote).await;
        let order = h.order(*id).await;
        *orders.entry(order.partition).or_default() += 1;
        let events = h.events_of(*id).await;
        assert_eq!(events.len(), 3);
        assert!(events.iter().all(|e| e.partition == order.partition));
    }
    assert_eq!(orders.into_values().collect::<Vec<_>>(), [2, 2, 2, 2]);
    let (tenant, mut reached) = (Tenant::default(), Positions::beginning(4));
    let end = h.store.stats().await.expect("read").log_positions;
    let mut found = 0;
    // A call looks at a bounded number of positions.
    while reached != end {
        let feed = h.store.feed(&tenant, reached.clone(), 500).await;
        let (events, further) = feed.expect("read");
        assert_ne!(further, reached, "it goes on");
        found += events.len();
        reached = further;
    }
    assert_eq!(found, 1 + 3 * 8, "the count of stock too");
    assert!(h.findings().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_the_feed_lose_nothing_and_keep_the_order_of_each_part() {
    let Some((_driver, h)) = shared(4).await else {
        return;
    };
    h.put("A", 1_000).await;
    for _ in 0..20 {
        h.clock.advance_ms(3);
        h.accept((0..3).map(|_| h.make.order(&[("A", 1)])).collect())
            .await;
    }
    let whole = h.log().await.len();
    for limit in [1, 7, 100] {
        let (mut read, mut after) = (vec![], Positions::beginning(4));
        loop {
            let feed = h.store.feed(&Tenant::default(), after.clone(), limit).await;
            let (page, reached) = feed.expect("read");
            read.extend(page);
            if reached == after {
                break;
            }
            after = reached;
        }
        assert_eq!(read.len(), whole, "{limit}");
        assert_rising(&read);
    }
}

/// Each partition's positions rise, each aggregate's sequence has no gap.
fn assert_rising(events: &[LoggedEvent]) {
    let mut last: HashMap<u16, i64> = HashMap::new();
    let mut seqs: HashMap<_, i64> = HashMap::new();
    for event in events {
        let before = last.insert(event.partition, event.position).unwrap_or(0);
        assert!(event.position > before);
        let seq = seqs.entry(event.event.aggregate).or_default();
        assert_eq!(event.event.seq, *seq + 1, "{event:?}");
        *seq += 1;
    }
}

/// Consumes a partition while its lease is taken over again and again; the events that were applied must be those that
/// were read, each once.
async fn follow(
    store: Arc<dyn Store>,
    clock: ManualClock,
    partition: u16,
    until: usize,
) -> Vec<LoggedEvent> {
    let mut seen: Vec<LoggedEvent> = vec![];
    let mut owner = 0;
    while seen.len() < until {
        owner += 1;
        let name = format!("owner-{owner}");
        // The clock is moved, so that the former owner's lease has run out without waiting.
        clock.advance_ms(2_000);
        let (now, end) = (clock.now(), clock.now().plus_ms(1_000));
        let taken = store
            .take_lease("follower", partition, &name, now, end)
            .await;
        let Some((lease, mut cursor)) = taken.expect("leases are written") else {
            continue;
        };
        let known = seen.last().map_or(0, |e| e.position);
        assert_eq!(cursor, known, "the cursor stands where the effects do");
        for _ in 0..5 {
            let read = store.read_log(partition, cursor, 7, EventKind::ALL).await;
            let (events, reached) = read.expect("read");
            if events.is_empty() {
                tokio::task::yield_now().await;
                continue;
            }
            let apply = ConsumerBatch::<OrderEffect> {
                lease: lease.clone(),
                from: cursor,
                to: reached,
                changes: vec![],
                park: vec![],
            };
            store
                .apply_batch(apply)
                .await
                .expect("no other process is the owner");
            cursor = reached;
            seen.extend(events);
        }
        let stale = Lease {
            epoch: lease.epoch - 1,
            ..lease
        };
        let late = store
            .apply_batch(Harness::batch(&stale, cursor, cursor + 1))
            .await;
        assert!(matches!(late, Err(Error::Fenced { .. })), "{late:?}");
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_see_every_event_in_order_while_writers_race_and_leases_change_hands() {
    const WRITERS: usize = 6;
    const NOTES: usize = 40;
    const ORDERS: usize = 4;
    let Some((driver, h)) = shared(2).await else {
        return;
    };
    h.put("A", 1_000).await;
    let mut ids: Vec<OrderId> = vec![];
    for _ in 0..ORDERS {
        ids.push(h.created(h.make.order(&[("A", 1)])).await);
    }
    let partitions: HashMap<OrderId, u16> = {
        let orders = h.store.orders(ids.clone()).await.expect("read");
        orders.iter().map(|o| (o.id, o.partition)).collect()
    };
    let h = Arc::new(h);
    // A second process: another pool on the same database.
    let beside = open_beside(&driver, &h, Arc::new(Tap::default())).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (h, ids) = (h.clone(), ids.clone());
        let store = if writer % 2 == 0 {
            h.store.clone()
        } else {
            beside.clone()
        };
        writers.spawn(async move {
            for n in 0..NOTES {
                let id = ids[(writer + n) % ids.len()];
                loop {
                    let order = store.orders(vec![id]).await.expect("read").remove(0);
                    let change = h.command(&order, &Command::AddNote);
                    match store
                        .write_changes(vec![change], None)
                        .await
                        .expect("taken")
                        .remove(0)
                    {
                        Ok(()) => break,
                        // Another writer came first.
                        Err(Error::Conflict { .. }) => tokio::task::yield_now().await,
                        Err(other) => panic!("{other}"),
                    }
                }
            }
        });
    }
    let log_of = |partition: u16| {
        let of_partition = partitions.values().filter(|p| **p == partition).count();
        // Created, confirmed and the notes on all orders; the count of stock is in one of the partitions.
        2 * of_partition + WRITERS * NOTES / ORDERS * of_partition
    };
    let mut followers = JoinSet::new();
    for partition in 0..2 {
        let until = log_of(partition);
        followers.spawn(follow(beside.clone(), h.clock.clone(), partition, until));
    }
    let finished = tokio::time::timeout(HANGS, async {
        while let Some(done) = writers.join_next().await {
            done.expect("a writer failed");
        }
        let mut seen = vec![];
        while let Some(done) = followers.join_next().await {
            seen.extend(done.expect("a follower failed"));
        }
        seen
    });
    let seen = finished.await.expect("somebody waits for ever");
    assert_rising(&seen);
    let of_orders = seen.iter().filter(|e| e.event.order_id.is_some()).count();
    assert!(of_orders + 1 >= log_of(0) + log_of(1), "{of_orders}");
    beside.close().await;
    assert!(h.findings().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_processes_sell_one_sku_and_never_more_than_there_is() {
    let Some((driver, h)) = shared(4).await else {
        return;
    };
    h.put("HOT", 300).await;
    h.put("A", 10_000).await;
    h.put("B", 10_000).await;
    let h = Arc::new(h);
    let mut sellers = JoinSet::new();
    for _ in 0..3 {
        let store = open_beside(&driver, &h, Arc::new(Tap::default())).await;
        let h = h.clone();
        sellers.spawn(async move {
            let mut sold = 0;
            for n in 0..20 {
                // The same skus in a different sequence each time: transactions that lock in the order of lines would
                // deadlock.
                let lines = match n % 3 {
                    0 => [("A", 1), ("HOT", 1), ("B", 1)],
                    1 => [("HOT", 1), ("B", 1), ("A", 1)],
                    _ => [("B", 1), ("A", 1), ("HOT", 1)],
                };
                let batch = (0..10).map(|_| Arc::new(h.make.order(&lines))).collect();
                for result in store.accept(batch).await.expect("taken") {
                    sold += i64::from(matches!(
                        result,
                        Ok(waybill_store::Accepted::Created { .. })
                    ));
                }
            }
            let stats = store.stats().await.expect("read");
            store.close().await;
            assert_eq!(stats.deadlocks, 0);
            sold
        });
    }
    let mut sold = 0;
    while let Some(done) = sellers.join_next().await {
        sold += done.expect("a seller failed");
    }
    assert_eq!((sold, h.level("HOT").await.reserved), (300, 300));
    assert!(h.findings().await.is_empty());
}

#[tokio::test]
async fn other_processes_are_told_that_a_part_has_grown() {
    let Some((driver, h)) = shared(4).await else {
        return;
    };
    let tap = Arc::new(Tap::default());
    let beside = open_beside(&driver, &h, tap.clone()).await;
    h.put("A", 10).await;
    let told = async {
        // The first notifications may be sent before the other process listens, so more are sent until one arrives.
        let order = h.created(h.make.order(&[("A", 1)])).await;
        let partition = h.order(order).await.partition;
        let partitions = [partition].into();
        let notified = tap.told_of(&partitions);
        tokio::pin!(notified);
        loop {
            tokio::select! {
                () = &mut notified => break,
                () = tokio::time::sleep(Duration::from_millis(50)) => h.done(order, &Command::AddNote).await,
            }
        }
    };
    tokio::time::timeout(HANGS, told)
        .await
        .expect("a notification arrives");
    beside.close().await;
}

#[tokio::test]
async fn a_database_that_was_not_migrated_says_what_to_do_and_many_may_migrate_at_once() {
    let Some((driver, h)) = shared(1).await else {
        return;
    };
    h.store.close().await;
    driver.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public;");
    let open = || {
        let tap = Arc::new(Tap::default());
        PostgresStore::open(driver.options(), h.clock.as_now(), tap, 0)
    };
    let refused = open().await.err().expect("refused").to_string();
    assert!(refused.contains("waybill migrate"), "{refused}");
    let mut all = JoinSet::new();
    for _ in 0..4 {
        let (options, make) = (driver.options(), h.make.clone());
        all.spawn(async move { migrate(&options, &mut move || make.id()).await });
    }
    let mut made = 0;
    while let Some(done) = all.join_next().await {
        let migrated = done.expect("a migration failed").expect("migrated");
        made += i32::from(migrated.from == 0);
        assert_eq!(migrated.to, waybill_store::migrations::known());
    }
    assert_eq!(made, 1, "one made the tables, the others found them");
    open().await.expect("opens now").close().await;
}

#[tokio::test]
async fn orders_of_schema_6_get_the_copies_of_their_shipments() {
    let Some((driver, mut h)) = shared(1).await else {
        return;
    };
    h.write_plain_log().await;
    let make = h.make.clone();
    let former = "DROP TABLE inbox_sources; \
                  DROP TABLE inbox_generations; \
                  DROP TABLE inbox_watermarks; DROP TABLE inbox_held; DROP TABLE clients; DROP TABLE vendors; DROP TABLE vendor_syncs; DROP TABLE archived_orders; DROP TABLE archived_stock; DROP TABLE samples; DROP INDEX parked_of_order; DROP INDEX work_of_order; \
                  DROP INDEX order_lines_waiting; ALTER TABLE order_lines DROP COLUMN waits_in; \
                  ALTER TABLE order_lines DROP COLUMN given_up; ALTER TABLE stock DROP COLUMN shortfall; \
                  DROP INDEX reservations_agreed; ALTER TABLE order_lines DROP COLUMN sourced; \
                  ALTER TABLE reservations DROP COLUMN ending; ALTER TABLE reservations DROP COLUMN agreed_at; \
                  ALTER TABLE reservations DROP COLUMN uncertain; ALTER TABLE reservations DROP COLUMN reason; \
                  ALTER TABLE work DROP COLUMN unanswered; \
                  ALTER TABLE events DROP COLUMN event_count, DROP COLUMN kinds, DROP COLUMN packed; \
                  DROP INDEX parked_of_tenant; ALTER TABLE orders DROP COLUMN shipments; \
                  ALTER TABLE shipments DROP COLUMN correlation_id; ALTER TABLE shipments DROP COLUMN traceparent; \
                  DELETE FROM schema_version WHERE number > 6";
    orders_of_schema_6_show_what_they_showed(h, async || {
        driver.sql(former);
        let migrated = migrate(&driver.options(), &mut move || make.id()).await;
        assert_eq!(migrated.expect("migrated").from, 6);
    })
    .await;
}

#[tokio::test]
async fn a_log_of_schema_15_is_verified_without_migrating_it() {
    let Some((driver, mut h)) = shared(1).await else {
        return;
    };
    h.write_plain_log().await;
    h.sold("A", 5, 1).await;
    h.store.close().await;
    driver.sql(
        "ALTER TABLE events DROP COLUMN event_count, DROP COLUMN kinds, DROP COLUMN packed; \
         DELETE FROM schema_version WHERE number > 15",
    );
    let report = driver.verify().await.expect("it can be read");
    assert_eq!((report.findings, report.counts.events), (vec![], 3));
}

#[tokio::test]
async fn dead_letters_are_found_by_their_tenant() {
    let Some((driver, h)) = shared(1).await else {
        return;
    };
    // As many of one tenant that an index by anything else passes them.
    driver.sql(
        "INSERT INTO parked (consumer, order_id, position, part, tenant, envelope, state, first_at, last_at, next_attempt_at) \
         SELECT 'status', gen_random_uuid(), n, 0, 'crowd', '{}', 'dead', 1, 1, 1 FROM generate_series(1, 2000) AS n; \
         ANALYZE parked",
    );
    let page = h.store.list_parked(&Tenant::default(), None, 10).await;
    assert!(page.expect("read").items.is_empty());
    h.store.close().await;
    // A session reports what it read when it ends.
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let ended = async || {
        while driver.sql(others).trim() != "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ended = tokio::time::timeout(HANGS, ended()).await;
    ended.expect("closed");
    let rows =
        driver.sql("SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'parked'");
    assert_eq!(rows.trim(), "0", "rows of the other tenant were read");
}

#[tokio::test]
async fn a_stock_row_whose_key_alone_is_there_is_not_written_into_nothing() {
    let Some((driver, h)) = shared(1).await else {
        return;
    };
    h.put("A", 5).await;
    driver.sql("INSERT INTO stock_keys SELECT tenant, 'B', vendor FROM stock_keys");
    let count = h.make.stock("B", Adjustment::Count(3));
    let refused = h.store.adjust_stock(vec![count]).await;
    let refused = refused.expect_err("there is no row").to_string();
    assert!(refused.contains("stock_keys"), "{refused}");
    assert_eq!(h.log().await.len(), 1, "the count of A");
}

#[tokio::test]
async fn a_log_that_is_ahead_of_its_counter_is_refused() {
    let Some((driver, h)) = shared(1).await else {
        return;
    };
    h.sold("A", 5, 1).await;
    h.store.close().await;
    driver.sql("SELECT setval('log_positions_0', 1, true)");
    let tap = Arc::new(Tap::default());
    let opened = PostgresStore::open(driver.options(), h.clock.as_now(), tap, 0).await;
    let refused = opened.err().expect("refused");
    assert!(matches!(refused, Error::DamagedRow { .. }), "{refused}");
}

#[tokio::test]
async fn a_database_that_is_not_there_says_what_makes_it() {
    let Some((driver, h)) = shared(1).await else {
        return;
    };
    let mut options = driver.options();
    options.url = options.url.replace("/test_", "/missing_");
    let opened = PostgresStore::open(options, h.clock.as_now(), Arc::new(Tap::default()), 0).await;
    let refused = opened.err().expect("refused").to_string();
    assert!(refused.contains("waybill migrate"), "{refused}");
}

#[tokio::test]
async fn a_process_that_outlives_a_restore_gets_no_connection_any_more() {
    let Some((driver, h)) = shared(1).await else {
        return;
    };
    h.sold("A", 5, 1).await;
    let company = begin_new_incarnation(&driver.options(), &mut || h.make.id()).await;
    let refused = company.expect_err("the store is open").to_string();
    assert!(refused.contains("others are connected"), "{refused}");
    // Does what a restore does, without its duration.
    driver.sql(
        "UPDATE meta SET value = 'another life' WHERE key = 'generation'; \
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    let gone = async {
        // The pool may still try its old connections until it has noticed that they are closed.
        while !told_of_the_restore(h.store.stats().await.err()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(HANGS, gone).await;
    waited.expect("it finds out");
    let order = Arc::new(h.make.order(&[("A", 1)]));
    let refused = match h.store.accept(vec![order]).await {
        Ok(mut outcomes) => outcomes.remove(0).err(),
        Err(refused) => Some(refused),
    };
    assert!(told_of_the_restore(refused.clone()), "{refused:?}");
}

fn told_of_the_restore(error: Option<Error>) -> bool {
    matches!(error, Some(Error::Unavailable { detail, .. }) if detail.contains("restored under this process"))
}

#[tokio::test]
async fn statements_say_which_function_they_are_of() {
    let Some((driver, h)) = shared(1).await else {
        return;
    };
    h.sold("A", 5, 1).await;
    let unnamed = driver.sql(
        "SELECT DISTINCT query FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'waybill' \
         AND query NOT LIKE '/* %' AND query NOT IN ('', 'COMMIT', 'ROLLBACK') AND query NOT LIKE 'BEGIN%' AND query NOT LIKE 'SET %' AND query NOT LIKE 'LISTEN %'",
    );
    assert_eq!(unnamed.trim(), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stops_asking_for_a_command_leaves_no_transaction_open() {
    let Some((driver, h)) = shared(1).await else {
        return;
    };
    let mut options = driver.options();
    // Without this setting the database would end the open transaction.
    (
        options.statement_timeout_ms,
        options.idle_in_transaction_timeout_ms,
    ) = (0, 0);
    options.lock_timeout_ms = 0;
    let opened = PostgresStore::open(options, h.clock.as_now(), Arc::new(Tap::default()), 0).await;
    let store = opened.expect("opens");
    // The look at the key waits for this lock, so the caller goes away in the middle of the first flush.
    let (client, connection) = tokio_postgres::connect(&driver.options().url, NoTls)
        .await
        .expect("connects");
    tokio::spawn(connection);
    let run = async |sql| client.execute(sql, &[]).await.expect("it runs");
    run("BEGIN").await;
    run("LOCK TABLE command_claims").await;
    {
        let tenant = Tenant::default();
        let mut asking = store.command_done(&tenant, [7; 16]);
        let waits = async {
            while driver.sql(WAITING).trim() != "1" {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = &mut asking => panic!("it waits for the lock"),
            waited = tokio::time::timeout(HANGS, waits) => waited.expect("it comes to the lock"),
        }
    }
    run("COMMIT").await;
    let over = async {
        while driver.sql(OPEN).trim() != "0" {
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::time::timeout(HANGS / 10, over).await;
    ended.expect("the transaction ends without its caller");
}

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
const OPEN: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'waybill' AND xact_start IS NOT NULL";

#[tokio::test]
async fn a_row_of_a_partition_that_the_log_has_not_is_damaged_and_gets_no_position() {
    let Some((driver, h)) = shared(2).await else {
        return;
    };
    let id = h.sold("A", 5, 1).await;
    driver.damage("UPDATE orders SET part = 7").await;
    let change = h.command(&h.order(id).await, &Command::AddNote);
    let before = h.log().await.len();
    let written = h.write_changes(vec![change]).await.remove(0);
    let refused = written.expect_err("no partition has this number");
    assert!(matches!(refused, Error::DamagedRow { .. }), "{refused:?}");
    assert!(refused.to_string().contains("part is 7"), "{refused}");
    assert_eq!(h.log().await.len(), before);
}

#[tokio::test]
async fn a_status_that_cannot_be_told_names_the_row() {
    let Some((driver, h)) = shared(1).await else {
        return;
    };
    h.sold("A", 5, 1).await;
    driver
        .damage("INSERT INTO leases (consumer, part, owner, epoch, until) VALUES ('delivery', -1, 'somebody', 1, 1)")
        .await;
    let looked = waybill_store::postgres::look(&driver.options()).await;
    let refused = looked.expect_err("a lease of no partition");
    assert!(matches!(refused, Error::DamagedRow { .. }), "{refused:?}");
    let text = refused.to_string();
    assert!(text.contains("delivery, -1, somebody"), "{text}");
}
