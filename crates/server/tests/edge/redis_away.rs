//! A Redis that is killed, hangs, refuses the login, or holds nonsense costs no order.

use std::net::TcpListener;

use http::Method;
use serde_json::json;
use waybill_testkit::http::Client;
use waybill_testkit::postgres::{Mode, Postgres, ServerOptions};
use waybill_testkit::redis::Redis;
use waybill_testkit::server::Waybill;
use waybill_testkit::token;
use waybill_testkit::unavailable::or_skip;

use super::demo;
use super::shared_limit::{decided, health, limited, sees_redis};

/// No test comes near it, and a lease is one request: each asks Redis, as long as it is there.
const WIDE: u32 = 1_199;

/// Places so many orders, one after another.
async fn place(client: &mut Client, keys: std::ops::Range<u32>) {
    for key in keys {
        let order =
            json!({"currency": "EUR", "lines": [{"sku": "a", "quantity": 1, "unitPrice": "1"}]});
        let key = key.to_string();
        let headers = [("idempotency-key", key.as_str())];
        let body = order.to_string().into();
        let placed = client.send(Method::POST, "/v1/orders", &headers, body);
        let placed = placed.await.expect("an answer");
        assert_eq!(placed.status, 201, "{}", placed.text());
    }
}

fn client(app: &Waybill) -> Client {
    Client::new(app.address()).with_token(&token::demo_for("default", "shop"))
}

/// Orders go on through a fault of Redis, one request at most waits for it, and it is used again afterwards.
async fn goes_on(strike: impl FnOnce(&mut Redis), mend: impl FnOnce(&mut Redis)) {
    let Some(mut redis) = or_skip(Redis::start()) else {
        return;
    };
    let app = limited(demo(), &redis, WIDE).ready().await.expect("ready");
    sees_redis(&app, true).await;
    let mut client = client(&app);
    place(&mut client, 0..20).await;
    assert!(decided(&app, "asked").await >= 20);

    strike(&mut redis);
    place(&mut client, 20..220).await;
    let failed = decided(&app, "failed").await;
    assert!(failed <= 1, "{failed} requests asked in vain");
    assert!(decided(&app, "alone").await >= 199);
    sees_redis(&app, false).await;
    let health_then = health(&app).await;
    assert_eq!(health_then["status"], "degraded");
    let reason = health_then["reason"].as_str().expect("a reason");
    let named = format!("redis at {}: ", redis.address());
    assert!(reason.starts_with(&named), "{reason}");

    mend(&mut redis);
    sees_redis(&app, true).await;
    let asked = decided(&app, "asked").await;
    place(&mut client, 220..230).await;
    assert!(decided(&app, "asked").await >= asked + 10);
    assert_eq!(health(&app).await["status"], "healthy");
    let state = app.metric("waybill_redis_breaker_state{name=\"closed\"}");
    assert_eq!(state.await.expect("a figure"), 1);
}

#[tokio::test]
async fn orders_go_on_when_redis_is_killed() {
    goes_on(
        |redis| redis.kill().expect("killed"),
        |redis| redis.start_again().expect("started"),
    )
    .await;
}

#[tokio::test]
async fn orders_go_on_when_redis_hangs() {
    goes_on(
        |redis| redis.freeze().expect("frozen"),
        |redis| redis.thaw().expect("it goes on"),
    )
    .await;
}

#[tokio::test]
async fn a_refused_login_is_named_without_the_password_and_orders_go_on() {
    let Some(redis) = or_skip(Redis::with_password("right-one")) else {
        return;
    };
    let wrong = format!("redis://:wrong-one@{}", redis.address());
    let start = limited(demo(), &redis, WIDE).env("REDIS_URL", &wrong);
    let app = start.ready().await.expect("ready");
    let named = format!("redis at {}: it refuses the login", redis.address());
    super::until("it says so", async || {
        health(&app).await["reason"]
            .as_str()
            .is_some_and(|reason| reason.starts_with(&named))
    })
    .await;
    place(&mut client(&app), 0..3).await;
    assert!(app.log().contains(&named), "{}", app.log());
    let mut dump = app.command("config");
    let dump = dump.arg("dump").output().await.expect("it runs");
    let dump = String::from_utf8_lossy(&dump.stdout).into_owned();
    assert!(dump.contains("[redacted]"), "{dump}");
    for shown in [
        app.log(),
        app.output(),
        dump,
        health(&app).await.to_string(),
    ] {
        assert!(!shown.contains("wrong-one"), "{shown}");
    }
    // Repaired at the server, it is used without a restart.
    let repair = ["CONFIG", "SET", "requirepass", "wrong-one"];
    redis.command(&repair).expect("set");
    sees_redis(&app, true).await;
}

#[tokio::test]
async fn a_login_that_may_not_run_scripts_is_away_all_the_time_and_told_from_a_wrong_one() {
    let Some(redis) = or_skip(Redis::start()) else {
        return;
    };
    let rights = ["~waybill:*", "+@all", "-@scripting"];
    let user = [&["ACL", "SETUSER", "app", "on", ">app-secret"], &rights[..]].concat();
    redis.command(&user).expect("set");
    let url = format!("redis://app:app-secret@{}", redis.address());
    let app = limited(demo(), &redis, WIDE).env("REDIS_URL", url);
    let app = app.ready().await.expect("ready");
    let named = format!(
        "redis at {}: the login in cache.url may not ",
        redis.address()
    );
    super::until("it says so", async || {
        health(&app).await["reason"]
            .as_str()
            .is_some_and(|reason| reason.starts_with(&named) && reason.contains("EVALSHA"))
    })
    .await;
    place(&mut client(&app), 0..20).await;
    assert_eq!(decided(&app, "asked").await, 0);
    assert_eq!(health(&app).await["status"], "degraded");
    redis
        .command(&["ACL", "SETUSER", "app", "+@scripting"])
        .expect("set");
    sees_redis(&app, true).await;
    // A busy machine may take longer for a call than is waited for, so not every order need ask.
    place(&mut client(&app), 20..60).await;
    assert!(decided(&app, "asked").await > 0);
}

#[tokio::test]
async fn of_several_things_that_are_wrong_health_tells_each_the_store_first() {
    let Some(mut server) = or_skip(Postgres::start(ServerOptions::default())) else {
        return;
    };
    let Some(mut redis) = or_skip(Redis::start()) else {
        return;
    };
    let start = demo().on(&server.url("waybill_wrong"));
    let mut app = limited(start, &redis, WIDE).prepared().expect("a folder");
    app.migrate().await.expect("migrated");
    app.start().await.expect("ready");
    sees_redis(&app, true).await;
    redis.kill().expect("killed");
    sees_redis(&app, false).await;
    server.stop(Mode::Immediate).expect("stopped");
    let told = format!("; redis at {}: ", redis.address());
    super::until("it tells both", async || {
        let answer = app.client().get("/health").await.expect("an answer");
        let health: serde_json::Value = answer.json();
        let reason = health["reason"].as_str().unwrap_or_default();
        health["status"] == "unhealthy" && reason.find(&told).is_some_and(|at| at > 0)
    })
    .await;
}

#[tokio::test]
async fn every_key_begins_with_the_name_of_the_installation() {
    let Some(redis) = or_skip(Redis::start()) else {
        return;
    };
    let app = limited(demo(), &redis, WIDE).ready().await.expect("ready");
    sees_redis(&app, true).await;
    place(&mut client(&app), 0..1).await;
    let keys = redis.command(&["KEYS", "*"]).expect("keys");
    assert!(!keys.is_empty());
    for key in keys {
        let installation = key
            .strip_prefix("waybill:")
            .and_then(|rest| rest.split_once(':'));
        let installation = installation.map(|(id, _)| id.len());
        assert_eq!(installation, Some(36), "an id: {key}");
    }
}

#[tokio::test]
async fn values_that_are_no_buckets_are_replaced_and_counted() {
    let Some(redis) = or_skip(Redis::start()) else {
        return;
    };
    let app = limited(demo(), &redis, WIDE).ready().await.expect("ready");
    sees_redis(&app, true).await;
    let mut client = client(&app);
    place(&mut client, 0..1).await;
    let keys = redis.command(&["KEYS", "*:requests:*"]).expect("keys");
    let nonsense = [
        "",
        "nonsense",
        "-1",
        "nan",
        "inf",
        "1e300",
        "0x7f",
        "9999999999999999",
        " 1",
    ];
    for (damaged, value) in (1..).zip(nonsense) {
        for key in &keys {
            redis.command(&["SET", key, value]).expect("set");
        }
        place(&mut client, damaged..damaged + 1).await;
        let counted = app.metric("waybill_redis_damaged_values_total").await;
        // The scrape before came from an address, which has a key too.
        assert!(counted.expect("a figure") >= i64::from(damaged), "{value}");
    }
    // Neither is a value of another type, and no key is left without an end.
    for key in &keys {
        redis.command(&["DEL", key]).expect("deleted");
        redis.command(&["RPUSH", key, "a"]).expect("pushed");
    }
    place(&mut client, 100..101).await;
    for key in &keys {
        let left = redis.command(&["PTTL", key]).expect("a time");
        let left: i64 = left[0].parse().expect("milliseconds");
        assert!(left > 0, "{key} is left for {left} ms");
    }
    assert_eq!(decided(&app, "failed").await, 0);
}

#[tokio::test]
async fn an_address_alone_switches_nothing_on() {
    let redis = TcpListener::bind("127.0.0.1:0").expect("a port");
    redis.set_nonblocking(true).expect("a listener");
    let address = redis.local_addr().expect("bound");
    for wrong in ["", "not a port"] {
        let start = demo()
            .env("REDIS_URL", format!("redis://{address}"))
            .env("REDIS_HOST", "elsewhere")
            .env("REDIS_PORT", wrong)
            .env("WAYBILL_SERVER__RATE_LIMIT_PER_MINUTE", "1000");
        let app = start.ready().await.expect("ready");
        place(&mut client(&app), 0..5).await;
        let health = health(&app).await;
        assert_eq!(health["status"], "healthy");
        assert!(health["dependencies"].get("redis").is_none(), "{health}");
        let metrics = app.client().get("/metrics").await.expect("an answer");
        assert!(!metrics.text().contains("redis"), "{}", metrics.text());
        let called = redis.accept();
        assert!(called.is_err(), "{called:?}");
    }
}
