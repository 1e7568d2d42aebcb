//! With a Redis all processes of an installation have one limit.

use std::time::Instant;

use serde_json::Value;
use waybill_testkit::http::Client;
use waybill_testkit::postgres::{Database, Postgres};
use waybill_testkit::redis::Redis;
use waybill_testkit::server::{Fleet, Start, Waybill};
use waybill_testkit::token;
use waybill_testkit::unavailable::or_skip;

use super::{demo, until};

/// Two processes that take orders, on one database and one Redis.
struct Two {
    fleet: Fleet,
    redis: Redis,
    _database: Database,
}

/// `None` when a server cannot be had here, which is seen.
async fn two(per_minute: u32) -> Option<Two> {
    let server = or_skip(Postgres::shared())?;
    let redis = or_skip(Redis::start())?;
    let database = server.database(None).expect("a database");
    // A process that waits longer than this decides alone, and lets through more. These tests are about deciding together,
    // also on a machine that is busy.
    let patient = |start: Start| start.env("WAYBILL_CACHE__TIMEOUT_MS", "10s");
    let start = |_: &str, roles: &str| {
        let start = Start::serve(env!("CARGO_BIN_EXE_waybill"), roles).on(&database.url());
        patient(limited(start, &redis, per_minute))
    };
    let fleet = Fleet::ready(2, 0, start).await.expect("ready");
    for member in &fleet.members {
        sees_redis(&member.app, true).await;
    }
    Some(Two {
        fleet,
        redis,
        _database: database,
    })
}

/// A server with this limit for each client, which it shares by this Redis.
pub fn limited(start: Start, redis: &Redis, per_minute: u32) -> Start {
    start
        .env(
            "WAYBILL_SERVER__RATE_LIMIT_PER_MINUTE",
            per_minute.to_string(),
        )
        .env("WAYBILL_CACHE__KIND", "redis")
        .env("REDIS_URL", redis.url())
}

/// Waits until health says that Redis is there, or that it is not.
pub async fn sees_redis(app: &Waybill, there: bool) {
    until("it sees Redis", async || {
        health(app).await["dependencies"]["redis"] == there
    })
    .await;
}

pub async fn health(app: &Waybill) -> Value {
    let answer = app.client().get("/health").await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// How many requests the limits of a process decided in this way.
pub async fn decided(app: &Waybill, how: &str) -> i64 {
    let name = format!("waybill_rate_limit_decisions_total{{name=\"{how}\"}}");
    app.metric(&name).await.expect("a figure")
}

fn caller(app: &Waybill, name: &str) -> Client {
    Client::new(app.address()).with_token(&token::demo_for("default", name))
}

/// Sends so many requests one after another; how many were let through. The others were refused.
async fn let_through(client: &mut Client, requests: u32) -> u32 {
    let mut allowed = 0;
    for _ in 0..requests {
        let answer = client.get("/v1/orders").await.expect("an answer");
        match answer.status.as_u16() {
            200 => allowed += 1,
            429 => {
                let left = answer.header("ratelimit").expect("the header");
                assert!(left.starts_with("\"default\";r=0;t="), "{left}");
                assert!(answer.header("retry-after").is_some());
            }
            _ => panic!("{} {}", answer.status, answer.text()),
        }
    }
    allowed
}

/// What a limit lets through in this time: a minute's requests at once, and what the bucket gets back meanwhile.
fn most(per_minute: u32, begun: Instant) -> u32 {
    let back = begun.elapsed().as_millis() * u128::from(per_minute) / 60_000;
    per_minute + u32::try_from(back).expect("a few") + 1
}

#[tokio::test]
async fn two_processes_let_through_one_limit() {
    let Some(two) = two(30).await else { return };
    let [one, other] = &two.fleet.members[..] else {
        panic!("two");
    };
    let begun = Instant::now();
    let (mut at_one, mut at_other) = (caller(&one.app, "a"), caller(&other.app, "a"));
    let mut allowed = let_through(&mut at_one, 20).await;
    assert_eq!(allowed, 20);
    allowed += let_through(&mut at_other, 60).await;
    allowed += let_through(&mut at_one, 60).await;
    let most = most(30, begun);
    assert!((30..=most).contains(&allowed), "{allowed}, at most {most}");
    // Each request that may be let through asks Redis; a refused client is not asked about again before its time.
    let asked = decided(&one.app, "asked").await + decided(&other.app, "asked").await;
    assert!(asked <= i64::from(most) + 60, "{asked} of 140 requests");
    assert_eq!(let_through(&mut caller(&other.app, "b"), 20).await, 20);
    keys_expire(&two.redis);
}

/// Keys in Redis expire, and belong to this installation.
fn keys_expire(redis: &Redis) {
    let keys = redis.command(&["KEYS", "*"]).expect("keys");
    assert!(!keys.is_empty());
    for key in keys {
        assert!(key.starts_with("waybill:"), "{key}");
        let left = redis.command(&["PTTL", &key]).expect("a time");
        let left: i64 = left[0].parse().expect("milliseconds");
        assert!((0..=60_000).contains(&left), "{key} expires in {left} ms");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_limit_is_taken_in_leases_and_is_still_one() {
    let per_minute = 1_800;
    let Some(two) = two(per_minute).await else {
        return;
    };
    let begun = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for n in 0..8 {
        let mut client = caller(&two.fleet.members[n % 2].app, "a");
        callers.spawn(async move { let_through(&mut client, 400).await });
    }
    let allowed: u32 = callers.join_all().await.into_iter().sum();
    let most = most(per_minute, begun);
    // A lease is three requests; what each process has left of one is not let through.
    assert!(
        (per_minute - 6..=most).contains(&allowed),
        "{allowed} of {most}"
    );
    for member in &two.fleet.members {
        assert!(decided(&member.app, "leased").await > 400);
        assert_eq!(decided(&member.app, "alone").await, 0);
    }
}

#[tokio::test]
async fn without_redis_each_process_goes_on_with_a_limit_of_its_own() {
    let Some(mut two) = two(30).await else { return };
    let used = let_through(&mut caller(&two.fleet.members[0].app, "a"), 10).await;
    assert_eq!(used, 10);
    two.redis.kill().expect("killed");
    let begun = Instant::now();
    for (member, before) in two.fleet.members.iter().zip([10, 0]) {
        sees_redis(&member.app, false).await;
        let allowed = let_through(&mut caller(&member.app, "a"), 60).await + before;
        assert!((30..=most(30, begun) + 1).contains(&allowed), "{allowed}");
    }
}

#[tokio::test]
async fn installations_at_one_redis_have_limits_of_their_own() {
    let Some(redis) = or_skip(Redis::start()) else {
        return;
    };
    for _ in 0..2 {
        let app = limited(demo(), &redis, 5).ready().await.expect("ready");
        sees_redis(&app, true).await;
        assert_eq!(let_through(&mut caller(&app, "a"), 5).await, 5);
        assert_eq!(let_through(&mut caller(&app, "a"), 1).await, 0);
    }
}

#[tokio::test]
async fn without_a_limit_no_request_asks_redis() {
    let Some(redis) = or_skip(Redis::start()) else {
        return;
    };
    let app = limited(demo(), &redis, 0).ready().await.expect("ready");
    sees_redis(&app, true).await;
    assert_eq!(let_through(&mut caller(&app, "a"), 20).await, 20);
    for how in ["leased", "asked", "failed", "alone"] {
        assert_eq!(decided(&app, how).await, 0, "{how}");
    }
    let keys = redis.command(&["KEYS", "waybill:*:rate:*"]).expect("keys");
    assert_eq!(keys, Vec::<String>::new());
}
