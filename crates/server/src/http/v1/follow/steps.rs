//! The steps of one order, in their order, as they are recorded.
//!
//! Events are read from the store; the hub only wakes the reader.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::status::OrderStatus;
use waybill_domain::text::Tenant;

use super::super::apis::FollowApi;
use super::super::call::Call;
use super::super::codes;
use super::super::cursor::Cursor;
use super::super::hub::Watch;
use super::super::orders;
use super::super::problem::Problem;
use crate::resilience::shares::Share;

/// Keeps idle proxies from closing the connection.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events read at once.
const PIECE: usize = 100;

/// The steps of an order after a position, and what comes.
pub struct Steps {
    api: Arc<FollowApi>,
    watch: Watch,
    _share: Share,
    tenant: Tenant,
    order: OrderId,
    position: i64,
    /// The order has taken its last step.
    ended: bool,
}

/// One step, as both ways of following show it.
pub struct Step {
    pub kind: EventKind,
    /// Goes on after this step.
    pub cursor: String,
    pub data: Value,
}

/// What comes after the steps that were read.
pub enum Next {
    Steps(Vec<Step>),
    /// Nothing happened for [`HEARTBEAT`].
    Quiet,
    /// The order has taken its last step.
    Ended,
    /// The process stops; the client goes on with another.
    Stopping,
    /// The store could not be read; the client goes on later.
    Unreadable,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StepDetails {
    status: Option<String>,
    previous_status: Option<String>,
    reason: Option<String>,
    tracking_number: Option<String>,
    carrier: Option<String>,
}

impl Steps {
    /// The steps of the order `id` after the cursor `after`, or from its first one, within the bounds of the server and
    /// of the client.
    ///
    /// # Errors
    /// 404 for an order of another tenant or of none, `invalid_cursor`, `too_many_streams`.
    pub async fn open(
        api: Arc<FollowApi>,
        call: &Call,
        id: &str,
        after: Option<(&str, &str)>,
    ) -> Result<Self, Problem> {
        let after = after
            .map(|(field, text)| {
                Cursor::position(&api.identity, text).map_err(|problem| problem.of(field))
            })
            .transpose()?;
        let reading = api.reads.turn(&call.tenant).await?;
        let order = orders::find(&*reading, &call.tenant, id).await?.order;
        drop(reading);
        // The watch begins before the steps are read, so that an event recorded between them is not missed.
        let watch = api.hub.watch(order.id).ok_or_else(|| {
            let detail = "this server has as many streams as it may; try again later, or read the order now and then";
            Problem::new(codes::TOO_MANY_STREAMS, detail)
        })?;
        let mut share = api
            .streams
            .client((&call.identity.tenant, &call.identity.subject));
        if !share.take(1) {
            let most = api.streams.most();
            let detail = format!(
                "this client has {most} streams open, as many as one may (server.client_share of server.max_streams)"
            );
            return Err(Problem::new(codes::TOO_MANY_STREAMS, detail));
        }
        Ok(Self {
            api,
            watch,
            _share: share,
            tenant: call.tenant.clone(),
            order: order.id,
            position: after.unwrap_or(0),
            ended: order.status.is_terminal(),
        })
    }

    /// Whether the order has taken its last step, and all of them were read.
    #[must_use]
    pub fn have_ended(&self) -> bool {
        self.ended
    }

    /// The steps since the last read; empty if there are none.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn read(&mut self) -> Result<Vec<Step>, Problem> {
        let mut steps = vec![];
        loop {
            let store = self.api.reads.turn(&self.tenant).await?;
            let events = store
                .order_events(&self.tenant, self.order, self.position, PIECE)
                .await?;
            for event in &events {
                steps.push(self.step(event));
                self.position = event.position;
            }
            if events.len() < PIECE {
                return Ok(steps);
            }
        }
    }

    /// Waits for what comes. To be awaited to its end: a wake-up that was taken is not repeated.
    pub async fn next(&mut self) -> Next {
        let stopping = self.api.stopping.clone();
        loop {
            if self.ended {
                return Next::Ended;
            }
            tokio::select! {
                () = stopping.cancelled() => return Next::Stopping,
                () = self.watch.changed() => {}
                () = tokio::time::sleep(HEARTBEAT) => return Next::Quiet,
            }
            match self.read().await {
                Ok(steps) if steps.is_empty() => {}
                Ok(steps) => return Next::Steps(steps),
                Err(problem) => {
                    tracing::debug!(code = problem.code(), order_id = %self.order, "a stream ends early; its client resumes");
                    return Next::Unreadable;
                }
            }
        }
    }

    fn step(&mut self, logged: &LoggedEvent) -> Step {
        let event = &logged.event;
        // Of a body that was damaged, or that a newer version wrote, the step is sent without its details.
        let details = event.read_body().unwrap_or(StepDetails {
            status: None,
            previous_status: None,
            reason: None,
            tracking_number: None,
            carrier: None,
        });
        let mut data = json!({
            "type": event.kind.as_str(),
            "orderId": self.order,
            "occurredAt": event.occurred_at,
            "recordedAt": logged.recorded_at,
            "actor": event.meta.actor,
        });
        if let Some(reason) = details.reason {
            data["reason"] = reason.into();
        }
        if event.kind.is_order() {
            let status = details.status.as_deref().and_then(OrderStatus::parse);
            self.ended = status.map_or(self.ended, OrderStatus::is_terminal);
            data["seq"] = event.seq.into();
            data["status"] = details.status.into();
            data["previousStatus"] = details.previous_status.into();
        } else {
            data[event.aggregate.kind.as_str()] = json!({
                "id": event.aggregate.id,
                "seq": event.seq,
                "status": details.status,
                "previousStatus": details.previous_status,
                "trackingNumber": details.tracking_number,
                "carrier": details.carrier,
            });
        }
        Step {
            kind: event.kind,
            cursor: Cursor::of_position(&self.api.identity, logged.position),
            data,
        }
    }
}
