//! The error of all code that calls a server; its messages say what to do next.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::{Refusal, Target};
use crate::cli::exit::Exit;

/// Why a command that called a server failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("--url {url} cannot be used: {why}")]
    BadUrl { url: String, why: String },
    #[error("{what}\n  {fix}")]
    Usage { what: String, fix: String },
    #[error(
        "no token: none given by --token, WAYBILL_TOKEN or a context, and {looked_at} {why}\n  `waybill demo` leaves an admin token in its data folder (--data names it); elsewhere `waybill token --scope admin --expires 1h` makes one"
    )]
    NoToken { looked_at: String, why: String },
    #[error(
        "nothing answers at {target}: {source}\n  is the server running? `waybill demo` starts one; --url names another"
    )]
    Unreachable {
        target: Target,
        source: std::io::Error,
    },
    #[error("this process may open {allowed} files, too few for {connections} connections\n  raise the limit first: `ulimit -n {}`, or use fewer --connections", .connections + 64)]
    TooManyFiles { allowed: u64, connections: u64 },
    #[error("{target} did not answer within {} s\n  whether the request was carried out is not known; repeating it with the same key is safe", .after.as_secs_f64())]
    Timeout { target: Target, after: Duration },
    #[error(
        "the connection to {target} broke: {source}\n  whether the request was carried out is not known; repeating it with the same key is safe"
    )]
    Broken {
        target: Target,
        source: hyper::Error,
    },
    /// It is unknown whether the order was made; repeating the request with its key finds out.
    #[error("{source}\n  the key was {key}: repeat the command with --key {key}")]
    KeyUnknown {
        key: String,
        source: Box<ClientError>,
    },
    #[error("the answer of {target} is longer than {limit} bytes")]
    TooLong { target: Target, limit: usize },
    #[error(
        "the answer of {target} is not what was expected: {why}\n  is it a Waybill of this version?"
    )]
    Unexpected { target: Target, why: String },
    #[error("{0}")]
    Refused(Box<Refusal>),
    #[error("there is no context {name}\n  {fix}")]
    NoContext { name: String, fix: String },
    #[error("the contexts in {path}: {why}")]
    Contexts { path: String, why: String },
    #[error("the order has no open hold")]
    NothingToRelease,
    #[error("{path}: {source}")]
    File {
        path: String,
        source: std::io::Error,
    },
}

impl ClientError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::Broken { .. } => true,
            Self::KeyUnknown { source, .. } => source.is_temporary(),
            Self::Refused(refusal) => {
                let status = refusal.status;
                let waits = [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT];
                waits.contains(&status) || status.is_server_error()
            }
            Self::BadUrl { .. }
            | Self::Usage { .. }
            | Self::NoToken { .. }
            | Self::TooManyFiles { .. }
            | Self::TooLong { .. }
            | Self::Unexpected { .. }
            | Self::NoContext { .. }
            | Self::Contexts { .. }
            | Self::NothingToRelease
            | Self::File { .. } => false,
        }
    }

    /// The exit code of a command that fails with this.
    #[must_use]
    pub fn exit(&self) -> Exit {
        if self.is_temporary() {
            return Exit::Unreachable;
        }
        match self {
            Self::BadUrl { .. } | Self::Usage { .. } => Exit::Usage,
            Self::KeyUnknown { source, .. } => source.exit(),
            Self::NoContext { .. } | Self::NothingToRelease => Exit::NotFound,
            Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Broken { .. }
            | Self::NoToken { .. }
            | Self::TooManyFiles { .. }
            | Self::TooLong { .. }
            | Self::Unexpected { .. }
            | Self::Contexts { .. }
            | Self::File { .. } => Exit::Failed,
            Self::Refused(refusal) if refusal.status == StatusCode::NOT_FOUND => Exit::NotFound,
            Self::Refused(_) => Exit::Refused,
        }
    }

    /// For `--json`: `{"error":{"code","message",…}}`, with the server's own body where it answered.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let code = match self {
            Self::BadUrl { .. } => "bad_url",
            Self::Usage { .. } => "usage",
            Self::NoToken { .. } => "no_token",
            Self::Unreachable { .. } => "unreachable",
            Self::TooManyFiles { .. } => "too_many_files",
            Self::Timeout { .. } => "timeout",
            Self::Broken { .. } => "connection_broken",
            Self::TooLong { .. } => "answer_too_long",
            Self::Unexpected { .. } => "unexpected_answer",
            Self::File { .. } => "file",
            Self::NoContext { .. } => "no_context",
            Self::Contexts { .. } => "contexts",
            Self::NothingToRelease => "no_open_hold",
            Self::KeyUnknown { key, source } => {
                let mut body = source.to_json();
                body["error"]["message"] = self.to_string().into();
                body["error"]["key"] = key.as_str().into();
                return body;
            }
            Self::Refused(refusal) => {
                let code = refusal.code.as_deref().unwrap_or("refused");
                return json!({"error": {"code": code, "message": refusal.message, "status": refusal.status.as_u16(),
                    "answer": refusal.body}});
            }
        };
        json!({"error": {"code": code, "message": self.to_string()}})
    }

    /// A fault of the command line that clap does not check.
    pub fn usage(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Usage {
            what: what.into(),
            fix: fix.into(),
        }
    }
}

impl From<Refusal> for ClientError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}
