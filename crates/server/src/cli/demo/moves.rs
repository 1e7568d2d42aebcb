//! Prints a line per step of an order, from the end of the log: at most twenty a second, beyond that counts.
//!
//! Invariant: it never slows the server down. It reads a bounded number of events at a time, and when orders move
//! faster than a person reads it stops reading events and prints what the store has counted instead.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, sleep};
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::status::OrderStatus;

use crate::app::App;
use crate::cli::cell::Cell;
use crate::cli::output;

/// Lines in a second.
const LINES: usize = 20;
const SECOND: Duration = Duration::from_secs(1);
/// Between two looks at the log.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The events that are printed: the steps of orders.
const STEPS: &[EventKind] = &[
    EventKind::OrderCreated,
    EventKind::OrderConfirmed,
    EventKind::OrderBackordered,
    EventKind::OrderFailed,
    EventKind::OrderCancelled,
    EventKind::OrderCancelRequested,
    EventKind::OrderCancelRejected,
    EventKind::OrderProcessing,
    EventKind::OrderPartiallyShipped,
    EventKind::OrderShipped,
    EventKind::OrderDelivered,
    EventKind::OrderRetried,
];

/// Prints until the process stops.
pub async fn show(app: Arc<App>) {
    let mut grown = app.log_growth.watch_all();
    let mut after = app.log_cache.last();
    let mut before = Counts::of(&app).await;
    while grown.changed().await.is_ok() {
        let second = Instant::now();
        let mut room = LINES;
        while second.elapsed() < SECOND && room > 0 {
            match app.log_cache.read(after, room, STEPS) {
                Some((events, reached)) => {
                    events.iter().for_each(|event| output::line(line(event)));
                    room -= events.len();
                    after = reached;
                }
                None => room = 0,
            }
            if room > 0 {
                sleep(LOOK_EVERY).await;
            }
        }
        let quiet = room > 0;
        sleep(SECOND.saturating_sub(second.elapsed())).await;
        let now = Counts::of(&app).await;
        if !quiet {
            grown.mark_unchanged();
            after = app.log_cache.last();
            if let (Some(now), Some(before)) = (&now, &before) {
                output::line(now.since(before));
            }
        }
        before = now;
    }
}

/// One step of one order.
fn line(event: &LoggedEvent) -> String {
    /// The number stands on the first event of an order only.
    #[derive(Deserialize)]
    struct Body {
        number: Option<String>,
    }
    let step = event.event.kind.as_str();
    let step = step.strip_prefix("order.").unwrap_or(step);
    let at = event.recorded_at.to_string();
    // 2026-05-04T10:00:00.123456Z: the time of day is enough here.
    let time = at.get(11..19).unwrap_or(&at);
    let id = event
        .event
        .order_id
        .map(|id| id.to_string())
        .unwrap_or_default();
    let mut text = format!("{time}  {id}  {step}");
    let number = serde_json::from_str(&event.event.body)
        .ok()
        .and_then(|body: Body| body.number);
    if let Some(number) = number {
        // Writing to a String cannot fail.
        let _ = write!(text, "  {}", Cell::new(&number));
    }
    text
}

/// Orders by status, as the store has counted them.
pub struct Counts(Vec<(OrderStatus, i64)>);

impl Counts {
    /// `None` when the store does not answer (it is closing).
    pub async fn of(app: &App) -> Option<Self> {
        Some(Self(app.store.stats().await.ok()?.orders_by_status))
    }

    pub fn all(&self) -> i64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    fn at(&self, status: OrderStatus) -> i64 {
        self.0
            .iter()
            .filter(|(s, _)| *s == status)
            .map(|(_, count)| count)
            .sum()
    }

    fn since(&self, before: &Self) -> String {
        let delivered = self.at(OrderStatus::Delivered) - before.at(OrderStatus::Delivered);
        format!(
            "          … and more: {} accepted and {delivered} delivered in the last second; {self}",
            self.all() - before.all()
        )
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.all() {
            1 => f.write_str("1 order")?,
            all => write!(f, "{all} orders")?,
        }
        for (status, count) in self.0.iter().filter(|(_, count)| *count > 0) {
            write!(f, ", {count} {status}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_name_only_what_there_is() {
        let before = Counts(vec![
            (OrderStatus::Confirmed, 5),
            (OrderStatus::Delivered, 1),
        ]);
        let now = Counts(vec![
            (OrderStatus::Pending, 0),
            (OrderStatus::Confirmed, 7),
            (OrderStatus::Delivered, 4),
        ]);
        assert_eq!(now.to_string(), "11 orders, 7 confirmed, 4 delivered");
        assert!(now.since(&before).contains("5 accepted and 3 delivered"));
    }
}
