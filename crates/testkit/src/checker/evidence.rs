//! The evidence after a run: the journal, and everything the system shows once no order is under way.
//!
//! Reads through the front door only, plus `waybill verify`. A read that fails is written down in
//! [`Evidence::unread`]; an order that is answered with 404 is evidence, not a failed read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::http::Client;
use crate::journal::{Dialect, Entry, Outcome};
use crate::server::{Report, Waybill};

/// Everything the checker looks at.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    pub entries: Vec<Entry>,
    /// Every order of the tenant, by id.
    pub orders: BTreeMap<String, Value>,
    /// The events of each of these orders, as the system lists them.
    pub events: BTreeMap<String, Vec<Value>>,
    /// Each sku of the run, as it is at the end.
    pub stock: BTreeMap<String, Value>,
    /// What each sku had at the beginning.
    pub seeded: BTreeMap<String, u64>,
    pub report: Option<Report>,
    /// What could not be read, or did not reach a final status in time.
    pub unread: Vec<String>,
}

/// How evidence is read.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Connections at once.
    pub connections: usize,
    /// How long orders may take to reach a final status after the last request.
    pub rest_within: Duration,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            connections: 8,
            rest_within: Duration::from_secs(60),
        }
    }
}

const PAGE: usize = 100;
const REST_POLL: Duration = Duration::from_millis(100);
const UNFINISHED: [&str; 7] = [
    "pending",
    "backordered",
    "confirmed",
    "processing",
    "partially_shipped",
    "shipped",
    "cancelling",
];

impl Evidence {
    /// Waits until no order is under way, then reads everything.
    pub async fn read(
        app: &Waybill,
        entries: Vec<Entry>,
        seeded: BTreeMap<String, u64>,
        reading: Reading,
    ) -> Result<Self> {
        let mut evidence = Self {
            entries,
            seeded,
            ..Self::default()
        };
        if let Some(why) = wait_for_rest(app, reading.rest_within).await? {
            evidence.unread.push(why);
        }
        let mut ids: BTreeSet<String> = evidence.acknowledged_ids().collect();
        ids.extend(list_ids(app).await?);
        evidence.read_orders(app, ids, reading.connections).await?;
        let mut http = app.client();
        for sku in evidence.seeded.keys() {
            let answer = http.get(&format!("/v1/stock?sku={sku}")).await?;
            ensure!(
                answer.status == 200,
                "stock of {sku}: {} {}",
                answer.status,
                answer.text()
            );
            let row = answer.json::<Value>()["items"][0].clone();
            evidence.stock.insert(sku.clone(), row);
        }
        match app.verify().await {
            Ok(report) => evidence.report = Some(report),
            Err(e) => evidence.unread.push(format!("verify: {e:#}")),
        }
        Ok(evidence)
    }

    fn acknowledged_ids(&self) -> impl Iterator<Item = String> + '_ {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Answer {
                outcome: Outcome::Ok,
                body,
                ..
            } => {
                let id = Dialect::V1.order_id(body).or(Dialect::Sales.order_id(body));
                id.map(str::to_string)
            }
            _ => None,
        })
    }

    async fn read_orders(
        &mut self,
        app: &Waybill,
        ids: BTreeSet<String>,
        connections: usize,
    ) -> Result<()> {
        let ids: Vec<String> = ids.into_iter().collect();
        let mut readers = JoinSet::new();
        for share in ids.chunks(ids.len().div_ceil(connections).max(1)) {
            readers.spawn(read_share(app.client(), share.to_vec()));
        }
        while let Some(share) = readers.join_next().await {
            for (id, order, events) in share.context("a reader panicked")?? {
                if let Some(order) = order {
                    self.orders.insert(id.clone(), order);
                    self.events.insert(id, events);
                }
            }
        }
        Ok(())
    }
}

type Read = (String, Option<Value>, Vec<Value>);

async fn read_share(mut http: Client, ids: Vec<String>) -> Result<Vec<Read>> {
    let mut read = Vec::with_capacity(ids.len());
    for id in ids {
        let order = http.get(&format!("/v1/orders/{id}")).await?;
        if order.status == 404 {
            read.push((id, None, Vec::new()));
            continue;
        }
        ensure!(
            order.status == 200,
            "order {id}: {} {}",
            order.status,
            order.text()
        );
        let mut events = Vec::new();
        let mut path = format!("/v1/orders/{id}/events?limit={PAGE}");
        loop {
            let answer = http.get(&path).await?;
            ensure!(
                answer.status == 200,
                "events of {id}: {} {}",
                answer.status,
                answer.text()
            );
            let page: Value = answer.json();
            events.extend(items(&page)?.iter().cloned());
            let Some(next) = page["next"].as_str() else {
                break;
            };
            path = format!("/v1/orders/{id}/events?limit={PAGE}&after={next}");
        }
        read.push((id, Some(order.json()), events));
    }
    Ok(read)
}

/// Every order of the tenant, page by page.
async fn list_ids(app: &Waybill) -> Result<Vec<String>> {
    let mut http = app.client();
    let mut ids = Vec::new();
    let mut path = format!("/v1/orders?limit={PAGE}");
    loop {
        let answer = http.get(&path).await?;
        ensure!(
            answer.status == 200,
            "{path}: {} {}",
            answer.status,
            answer.text()
        );
        let page: Value = answer.json();
        for item in items(&page)? {
            ids.push(
                item["id"]
                    .as_str()
                    .context("a listed order has an id")?
                    .to_string(),
            );
        }
        let Some(next) = page["next"].as_str() else {
            return Ok(ids);
        };
        path = format!("/v1/orders?limit={PAGE}&after={next}");
    }
}

fn items(page: &Value) -> Result<&Vec<Value>> {
    page["items"]
        .as_array()
        .with_context(|| format!("a page has items: {page}"))
}

/// `None` when every order has a final status; else those that have not.
async fn wait_for_rest(app: &Waybill, within: Duration) -> Result<Option<String>> {
    let began = Instant::now();
    let mut http = app.client();
    loop {
        let mut moving = None;
        for status in UNFINISHED {
            let answer = http
                .get(&format!("/v1/orders?status={status}&limit=1"))
                .await?;
            ensure!(
                answer.status == 200,
                "listing {status}: {} {}",
                answer.status,
                answer.text()
            );
            let page: Value = answer.json();
            if let Some(order) = items(&page)?.first() {
                moving = Some(format!(
                    "an order is still {status} after {within:?}: {order}"
                ));
                break;
            }
        }
        match moving {
            None => return Ok(None),
            Some(what) if began.elapsed() > within => return Ok(Some(what)),
            Some(_) => sleep(REST_POLL).await,
        }
    }
}
