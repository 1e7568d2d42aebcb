//! What a user does with a running Waybill: places orders, looks at them, fills the shelf, verifies.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Waybill;
use crate::http::{Answer, Failure};

const COMMAND_WITHIN: Duration = Duration::from_secs(120);

/// What `waybill verify` found.
#[derive(Debug, Clone)]
pub struct Report {
    pub ok: bool,
    pub findings: Vec<Value>,
    pub counts: Value,
}

impl Waybill {
    /// Places an order with this idempotency key.
    pub async fn place(&self, key: &str, order: &Value) -> Result<Answer, Failure> {
        let body = Bytes::from(order.to_string());
        self.client()
            .send(
                Method::POST,
                "/v1/orders",
                &[("idempotency-key", key)],
                body,
            )
            .await
    }

    /// The order as it is now.
    pub async fn order(&self, id: &str) -> Result<Value> {
        let answer = self.client().get(&format!("/v1/orders/{id}")).await?;
        ensure!(
            answer.status == 200,
            "order {id}: {} {}",
            answer.status,
            answer.text()
        );
        Ok(answer.json())
    }

    /// One of its metrics, a whole number, added up over its labels; 0 when there is none.
    pub async fn metric(&self, name: &str) -> Result<i64> {
        let answer = self.client().get("/metrics").await?;
        let mut sum = 0;
        for line in answer.text().lines() {
            let rest = line.strip_prefix(name);
            if !rest.is_some_and(|rest| rest.starts_with(['{', ' '])) {
                continue;
            }
            let value = line.rsplit(' ').next().context("a metric has a value")?;
            let value = value.parse::<i64>();
            sum += value.with_context(|| format!("not a whole number: {line}"))?;
        }
        Ok(sum)
    }

    /// Sets what is on hand of a sku.
    pub async fn seed(&self, sku: &str, on_hand: u64) -> Result<()> {
        let body = Bytes::from(json!({"onHand": on_hand, "reason": "seed"}).to_string());
        let answer = self
            .client()
            .send(Method::PUT, &format!("/v1/stock/{sku}"), &[], body)
            .await?;
        ensure!(
            answer.status.is_success(),
            "seeding {sku}: {} {}",
            answer.status,
            answer.text()
        );
        Ok(())
    }

    /// Runs `waybill verify` on its store.
    pub async fn verify(&self) -> Result<Report> {
        let mut command = self.command("verify");
        if !self.start.shared {
            // The folder is named, because the environment could name another.
            command.arg("--data").arg(&self.data);
        }
        command.arg("--json");
        let output = timeout(COMMAND_WITHIN, command.output())
            .await
            .context("verify does not end")??;
        let text = String::from_utf8_lossy(&output.stdout);
        let report: Value = serde_json::from_str(&text).with_context(|| {
            format!(
                "verify printed no JSON ({}): {text}{}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            )
        })?;
        let ok = report["ok"]
            .as_bool()
            .context("verify says whether it is ok")?;
        ensure!(
            ok == output.status.success(),
            "verify says ok={ok} and exits with {}",
            output.status
        );
        let findings = report["findings"]
            .as_array()
            .context("verify lists its findings")?
            .clone();
        Ok(Report {
            ok,
            findings,
            counts: report["counts"].clone(),
        })
    }
}
