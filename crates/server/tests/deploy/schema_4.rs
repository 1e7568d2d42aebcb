//! Migration 4 on a database whose indexes were built beforehand, as docs/operations.md says.

use waybill_testkit::postgres::{Database, Postgres};
use waybill_testkit::server::Start;
use waybill_testkit::unavailable::or_skip;

use super::WAYBILL;
use super::book;

/// Name and number of each index of migration 4; the number changes when it is built again.
const INDEXES: &str = "SELECT relname, oid FROM pg_class WHERE relkind = 'i' AND relname IN \
                       ('events_of_tenant', 'orders_of_tenant', 'shipments_of_tenant') ORDER BY 1";

const INVALID: &str = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";

/// A database as version 3 of the schema left it, without the `serve` that would refuse it.
async fn of_schema_3(database: &Database) {
    let app = Start::demo(WAYBILL).on(&database.url()).prepared();
    app.expect("a folder").migrate().await.expect("migrated");
    for statement in [
        "DROP TABLE IF EXISTS command_claims, discards, inbox_sources, inbox_generations, inbox_watermarks, inbox_held, clients, vendors, vendor_syncs, archived_orders, archived_stock, samples",
        "ALTER TABLE orders DROP COLUMN shipments",
        "ALTER TABLE order_lines DROP COLUMN sourced, DROP COLUMN waits_in, DROP COLUMN given_up",
        "ALTER TABLE stock DROP COLUMN shortfall",
        "ALTER TABLE reservations DROP COLUMN ending, DROP COLUMN agreed_at, DROP COLUMN uncertain, DROP COLUMN reason",
        "ALTER TABLE work DROP COLUMN unanswered",
        "ALTER TABLE events DROP COLUMN event_count, DROP COLUMN kinds, DROP COLUMN packed",
        "ALTER TABLE shipments DROP COLUMN correlation_id, DROP COLUMN traceparent",
        "DROP INDEX events_of_tenant, orders_of_tenant, shipments_of_tenant, parked_of_tenant, parked_of_order, work_of_order",
        "CREATE INDEX events_of_order ON events (order_id, position)",
        "DELETE FROM schema_version WHERE number > 3",
    ] {
        database.sql(statement).expect("it is ours");
    }
}

#[tokio::test]
async fn indexes_that_were_built_beforehand_are_kept_and_incomplete_ones_are_built_again() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let database = server.database(None).expect("a database");
    of_schema_3(&database).await;
    let url = database.url();
    let environment = [("DATABASE_URL", url.as_str())];
    let commands = book::commands("CONCURRENTLY");
    let (migrate, builds) = commands.split_last().expect("there are some");
    for build in builds {
        book::succeeds(build, &environment);
    }
    let built = database.sql(INDEXES).expect("they are there");
    assert_eq!(built.lines().count(), 3, "{built}");
    // As a build that was interrupted leaves it.
    let interrupted = "UPDATE pg_index SET indisvalid = false \
                       WHERE indexrelid = 'orders_of_tenant'::regclass";
    database.sql(interrupted).expect("we are the administrator");

    book::succeeds(migrate, &environment);
    let after = database.sql(INDEXES).expect("they are there");
    for (before, after) in built.lines().zip(after.lines()) {
        let again = before.starts_with("orders_of_tenant");
        assert_eq!(before != after, again, "{before} became {after}");
    }
    assert_eq!(database.sql(INVALID).expect("asked").trim(), "0");
    let former = "SELECT to_regclass('events_of_order') IS NULL";
    assert_eq!(database.sql(former).expect("asked").trim(), "t");
    let app = Start::demo(WAYBILL).on(&url).ready().await;
    app.expect("it starts on it");
}
