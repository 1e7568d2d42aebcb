//! A timer whose shipment is gone, as after a manual change of the tables, is cleared in any partition.

use waybill_testkit::postgres::Postgres;
use waybill_testkit::server::Start;
use waybill_testkit::unavailable::or_skip;

use crate::fleet::until;

#[tokio::test]
async fn a_timer_without_its_shipment_is_cleared_in_every_partition() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let app = Start::demo(env!("CARGO_BIN_EXE_waybill")).on(&database.url());
    let app = app.ready().await.expect("it starts");
    let strays = "INSERT INTO timers (part, due_at, shipment_id, order_id) \
                  SELECT part, 1, gen_random_uuid(), gen_random_uuid() FROM generate_series(0, 15) AS part";
    database.sql(strays).expect("they are written");
    let left = || {
        let left = database.sql("SELECT count(*) FROM timers");
        left.expect("it answers").trim().to_owned()
    };
    until("a store without strays", || left() == "0").await;
    drop(app);
}
