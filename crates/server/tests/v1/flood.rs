//! A tenant that floods the reads, beside one that reads its own order. What is asserted is that both are answered; how
//! long the other one's reads take is printed, as a ratio to the same run without the flood. With `./scripts/test --long`
//! the store is large and the flood is one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::runtime::Builder;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use waybill_testkit::seed;

use crate::shop::{NEVER, Shop, id, small};

/// How much of it.
struct Size {
    orders: usize,
    clients: usize,
    reads: usize,
}

fn size() -> Size {
    if seed::long_form() {
        Size {
            orders: 100_000,
            clients: 64,
            reads: 1_000,
        }
    } else {
        Size {
            orders: 60,
            clients: 8,
            reads: 20,
        }
    }
}

/// Places orders of the tenant that is flooded away; the last one.
async fn fill(shop: &Shop, orders: usize) -> String {
    const CLIENTS: usize = 32;
    let one = |client: usize| async move {
        let mut last = String::new();
        for n in (client..orders).step_by(CLIENTS) {
            last = id(&shop.placed(&format!("k{n}"), &small("A", 1)).await);
        }
        last
    };
    let last = join_all((0..CLIENTS).map(one)).await;
    last.into_iter().find(|id| !id.is_empty()).expect("orders")
}

/// The time that 99 of 100 reads of an order stay below. The reader has a thread and a runtime of its own: beside the
/// clients that flood it would wait for its turn among them, and not for the server.
async fn p99(shop: &Shop, order: &str, reads: usize) -> Duration {
    let mut client = shop.client("default", "admin");
    let path = format!("/v1/orders/{order}");
    let read = move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let mut times = vec![];
            for _ in 0..reads {
                let began = Instant::now();
                let answer = client.get(&path).await.expect("an answer");
                times.push(began.elapsed());
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
            times
        })
    };
    let mut times = spawn_blocking(read).await.expect("the reader ends");
    times.sort_unstable();
    times[(times.len() * 99).div_ceil(100) - 1]
}

/// Reads a path repeatedly until stopped; every second request is abandoned before its answer.
async fn flood(shop: &Shop, path: &str, clients: usize, stop: &AtomicBool) -> usize {
    let answered = Arc::new(AtomicUsize::new(0));
    let one = |n: usize| {
        let answered = answered.clone();
        async move {
            let mut client = shop.client("nobody", "admin");
            while !stop.load(Ordering::Relaxed) {
                let hangs_up = n.is_multiple_of(2);
                let patience = Duration::from_millis(if hangs_up { 2 } else { 30_000 });
                match timeout(patience, client.get(path)).await {
                    Ok(answer) => {
                        let status = answer.expect("an answer").status.as_u16();
                        assert!([200, 503].contains(&status), "{status}");
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(_) => client = shop.client("nobody", "admin"),
                }
            }
        }
    };
    join_all((0..clients).map(one)).await;
    answered.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_reads_of_one_tenant_leaves_the_other_its_own() {
    let shop = Shop::open(NEVER).await;
    let size = size();
    let order = fill(&shop, size.orders).await;
    let alone = p99(&shop, &order, size.reads).await;
    for path in [
        "/v1/orders?sku=A",
        "/v1/orders/snapshot",
        "/v1/shipments",
        "/v1/stock",
        "/v1/events",
        "/v1/events?wait_ms=50",
    ] {
        let stop = AtomicBool::new(false);
        let measured = async {
            let beside = p99(&shop, &order, size.reads).await;
            stop.store(true, Ordering::Relaxed);
            beside
        };
        let flooded = flood(&shop, path, size.clients, &stop);
        let (beside, answered) = tokio::join!(measured, flooded);
        let ratio = beside.as_secs_f64() / alone.as_secs_f64();
        println!("{path}: p99 {beside:?} beside {answered} answers, {alone:?} alone: {ratio:.1}");
    }
}
