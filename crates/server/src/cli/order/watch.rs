//! `waybill order watch`: a line per step of an order, as it happens, until it ends.
//!
//! The stream is opened before the order is read: a step taken in between is then in one or the
//! other, never lost. Steps that the order as read already shows are not printed again.

use std::process::ExitCode;

use serde_json::Value;

use crate::cli::cell::Cell;
use crate::cli::exit::Exit;
use crate::cli::output::{self, plain};
use crate::client::{Client, ClientError, EventStream, ServerEvent};

pub async fn run(client: &mut Client, path: &str, json: bool) -> Result<ExitCode, ClientError> {
    let mut reader = client.another();
    let mut stream = EventStream::open(client, &format!("{path}/stream")).await?;
    let order = reader.get(path).await?.body;
    let mut seen = order["version"].as_u64().unwrap_or(0);
    let status = plain(&order["status"]);
    if json {
        output::json_line(&order);
    } else {
        let name = plain(&order["orderNumber"]);
        output::line(format!(
            "{}  {status:18}  {name} as it stands",
            plain(&order["updatedAt"])
        ));
    }
    if let Some(end) = End::of(&status) {
        return Ok(end.exit_code());
    }
    loop {
        let event = stream.next().await?;
        let step = Step::read(&event);
        if step.version.is_some_and(|version| version <= seen) {
            continue;
        }
        seen = step.version.unwrap_or(seen);
        if json {
            output::json_line(&step.data);
        } else {
            output::line(step.line());
        }
        if output::is_closed() {
            return Ok(Exit::Done.into());
        }
        if let Some(end) = step.end() {
            return Ok(end.exit_code());
        }
    }
}

/// How an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Delivered,
    Undelivered,
}

impl End {
    fn of(status: &str) -> Option<Self> {
        match status {
            "delivered" => Some(Self::Delivered),
            "cancelled" | "failed" => Some(Self::Undelivered),
            _ => None,
        }
    }

    fn exit_code(self) -> ExitCode {
        match self {
            Self::Delivered => Exit::Done.into(),
            Self::Undelivered => Exit::Findings.into(),
        }
    }
}

/// One event of the stream, read as far as it can be.
struct Step {
    name: String,
    version: Option<u64>,
    status: Option<String>,
    data: Value,
}

impl Step {
    fn read(event: &ServerEvent) -> Self {
        let data: Value =
            serde_json::from_str(&event.data).unwrap_or_else(|_| Value::String(event.data.clone()));
        let text = |name: &str| data[name].as_str().map(str::to_owned);
        let name = match event.name.as_str() {
            "message" => text("type")
                .or_else(|| text("eventType"))
                .unwrap_or_else(|| "message".to_owned()),
            name => name.to_owned(),
        };
        Self {
            name,
            version: data["version"].as_u64().or_else(|| data["seq"].as_u64()),
            status: text("status").or_else(|| text("to")),
            data,
        }
    }

    /// How this step ends the order, if it does. Without a status, the event's name decides.
    fn end(&self) -> Option<End> {
        match &self.status {
            Some(status) => End::of(status),
            None => End::of(self.name.strip_prefix("order.")?),
        }
    }

    fn line(&self) -> String {
        let when = [&self.data["occurredAt"], &self.data["recordedAt"]]
            .into_iter()
            .find(|when| when.is_string());
        let reason = match &self.data["reason"] {
            Value::Null => String::new(),
            reason => format!("  ({})", plain(reason)),
        };
        format!(
            "{}  {:18}  {}{reason}",
            when.map(plain).unwrap_or_default(),
            Cell::new(self.status.as_deref().unwrap_or("")),
            Cell::new(&self.name)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::typed;
    use super::*;
    use crate::client::fake_server::{FakeAnswer, FakeRequest};

    fn server(stream: &'static str, order: &'static str) -> impl Fn(&FakeRequest) -> FakeAnswer {
        move |request| match request.uri.path() {
            "/v1/orders/018f/stream" => FakeAnswer::text(200, stream),
            _ => FakeAnswer::json(200, order),
        }
    }

    #[tokio::test]
    async fn watching_ends_when_the_order_is_delivered() {
        let stream = "id: 3\nevent: order.shipped\ndata: {\"seq\":3,\"status\":\"shipped\"}\n\n\
                      id: 4\nevent: order.delivered\ndata: {\"seq\":4,\"status\":\"delivered\"}\n\n";
        let (outcome, asked) = typed(
            &["watch", "018f"],
            server(stream, r#"{"id":"018f","status":"confirmed","version":2}"#),
        )
        .await;
        assert_eq!(outcome.unwrap(), ExitCode::SUCCESS);
        assert_eq!(
            asked,
            ["GET /v1/orders/018f/stream ", "GET /v1/orders/018f "]
        );
    }

    #[tokio::test]
    async fn an_order_that_has_ended_undelivered_exits_1_at_once() {
        let (outcome, _) = typed(
            &["watch", "018f"],
            server("", r#"{"status":"cancelled","version":2}"#),
        )
        .await;
        assert_eq!(outcome.unwrap(), ExitCode::from(Exit::Findings));
    }

    #[test]
    fn a_step_is_read_whether_or_not_its_data_tells_the_status() {
        let step = |name: &str, data: &str| {
            Step::read(&ServerEvent {
                id: None,
                name: name.to_owned(),
                data: data.to_owned(),
            })
        };
        assert_eq!(step("order.failed", "{}").end(), Some(End::Undelivered));
        assert_eq!(
            step("message", r#"{"type":"order.delivered"}"#).end(),
            Some(End::Delivered)
        );
        assert_eq!(step("shipment.delivered", "{}").end(), None);
        assert_eq!(
            step("order.line_cancelled", r#"{"status":"processing"}"#).end(),
            None
        );
        assert_eq!(step("order.note", "not json").end(), None);
    }
}
