//! `waybill health`: asks a running server how it is, for container health checks and scripts.
//!
//! Needs no token, because health needs none. Prints one line; the exit code is the result.

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::Value;

use super::duration::parse_duration;
use super::{fail, fail_with, failed, output};
use crate::client::{ClientError, Connection, Target};

/// Ask a running server whether it can take orders; exit code 0 if so, 1 if not
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  waybill health                                 can it take orders? (what a load balancer asks)\n  waybill health --live                          does the process answer at all? (what a supervisor asks)\n  waybill health --url http://127.0.0.1:8000 --timeout 2s"
)]
pub struct HealthArgs {
    /// The server's address
    #[arg(long, env = "WAYBILL_URL", default_value = "http://127.0.0.1:3000")]
    url: String,
    /// Ask only whether the process is there, not whether it can commit
    #[arg(long)]
    live: bool,
    /// How long to wait for the answer
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    timeout: Duration,
}

/// Runs the command.
pub async fn run(args: HealthArgs) -> ExitCode {
    match ask(&args.url, args.live, args.timeout).await {
        Ok((status, word)) if status.is_success() => {
            output::line(word);
            ExitCode::SUCCESS
        }
        Ok((status, word)) => fail_with(&format!(
            "{} answered {}: {word}",
            args.url,
            status.as_u16()
        )),
        Err(error @ ClientError::BadUrl { .. }) => failed(&error),
        Err(error) => fail(&error),
    }
}

/// The HTTP status, and the member `status` of the answer.
pub(super) async fn ask(
    url: &str,
    live: bool,
    limit: Duration,
) -> Result<(StatusCode, String), ClientError> {
    let target = Target::parse(url)?;
    let path = if live {
        "/health/live"
    } else {
        "/health/ready"
    };
    let mut request = Request::new(Full::<Bytes>::default());
    *request.uri_mut() = target.uri(path)?;
    request
        .headers_mut()
        .insert(HOST, target.host_header().clone());
    let exchange = Connection::new(target).exchange(request, limit).await?;
    let body: Value = serde_json::from_slice(&exchange.body).unwrap_or_default();
    let word = body["status"].as_str().unwrap_or("no word of its own");
    Ok((exchange.status, word.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::fake_server::{FakeAnswer, FakeServer};

    fn args(url: &str, live: bool) -> HealthArgs {
        HealthArgs {
            url: url.to_owned(),
            live,
            timeout: Duration::from_secs(10),
        }
    }

    #[tokio::test]
    async fn ready_is_success_and_not_ready_is_not() {
        let server = FakeServer::start(|request| match request.line().as_str() {
            "GET /health/live" => FakeAnswer::json(200, r#"{"status":"alive"}"#),
            "GET /health/ready" => FakeAnswer::json(503, r#"{"status":"not ready"}"#),
            other => panic!("no test requests {other}"),
        })
        .await;
        assert_eq!(run(args(&server.url, true)).await, ExitCode::SUCCESS);
        assert_eq!(run(args(&server.url, false)).await, ExitCode::FAILURE);
        let (status, word) = ask(&server.url, false, Duration::from_secs(10))
            .await
            .expect("it answers");
        assert_eq!((status.as_u16(), word.as_str()), (503, "not ready"));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_a_failure_and_a_bad_address_is_wrong_use() {
        assert_eq!(
            run(args("http://127.0.0.1:1", true)).await,
            ExitCode::FAILURE
        );
        assert_eq!(run(args("ftp://x", true)).await, ExitCode::from(2));
    }
}
