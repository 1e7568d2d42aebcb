//! `waybill token inspect`: what a token says, and what is wrong with it.
//!
//! It decodes and checks no signature: that takes the server's secret. It prints the claims, never the token.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use serde_json::{Map, Value, json};
use waybill_domain::time::Time;

use crate::auth::{LAST_SECOND, Scope};
use crate::cli::cell::Cell;
use crate::cli::client_args::ClientArgs;
use crate::cli::config::SettingsArgs;
use crate::cli::exit::Exit;
use crate::cli::output::{self, plain};
use crate::cli::{context, failed, suggest};
use crate::client::ClientError;
use crate::clock::{Clock, MICROS_PER_SECOND};
use crate::config::{Auth, Settings};

/// Say what a token allows, until when, and what is wrong with it
#[derive(Debug, Args)]
#[command(
    after_help = "The signature is not checked: that takes the server's secret. Issuer and audience are compared with the settings here (auth.issuer, auth.audience; --config and the environment count). Exit code 6: something is wrong with the token.\n\nExamples:\n  waybill token inspect                       the token that commands would send\n  waybill token inspect --token-file t.txt\n  pbpaste | waybill token inspect --token-file -"
)]
pub struct InspectArgs {
    /// The file that holds the token, - for standard input [default: the token that commands would send]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The token itself; it stays in the history of the shell, so prefer a file
    #[arg(long, env = "WAYBILL_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The context to take the token from [default: the one chosen with `waybill context use`]
    #[arg(long, env = "WAYBILL_CONTEXT", value_name = "NAME",
        value_parser = suggest::context(), hide_possible_values = true)]
    context: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) settings: SettingsArgs,
}

/// Runs the command.
pub fn run(args: &InspectArgs, settings: &Settings, clock: &impl Clock) -> ExitCode {
    let token = match args.token(settings) {
        Ok(token) => token,
        Err(error) => return failed(&error),
    };
    let read = Inspected::read(token.trim(), &settings.auth, clock.now_micros());
    if args.json {
        output::json(&read.as_json());
    } else {
        output::line(read.text());
    }
    Exit::from(read.problems.is_empty()).into()
}

impl InspectArgs {
    fn token(&self, settings: &Settings) -> Result<String, ClientError> {
        if let Some(file) = &self.token_file {
            return Ok(context::read_token(file)?.expose().to_owned());
        }
        let client = ClientArgs {
            url: std::env::var("WAYBILL_URL").ok(),
            token: self.token.clone(),
            context: self.context.clone(),
            data: settings.store.data.clone().into(),
            timeout: Duration::ZERO,
            json: self.json,
        };
        Ok(client.target_and_token()?.1)
    }
}

/// Something that is wrong with the token.
struct Problem {
    code: &'static str,
    message: String,
}

struct Inspected {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    problems: Vec<Problem>,
}

impl Inspected {
    fn read(token: &str, auth: &Auth, now_micros: i64) -> Self {
        let mut read = Self {
            header: Map::new(),
            claims: Map::new(),
            problems: vec![],
        };
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, _] = parts[..] else {
            let found = parts.len();
            read.problem(
                "malformed",
                format!("a token has three parts between dots; this has {found}"),
            );
            return read;
        };
        match (decoded(header), decoded(claims)) {
            (Some(header), Some(claims)) => {
                read.header = header;
                read.claims = claims;
                read.judge(auth, now_micros);
            }
            (None, _) => read.problem("malformed", "its first part is no JSON object in base64url"),
            (_, None) => read.problem(
                "malformed",
                "its second part is no JSON object in base64url",
            ),
        }
        read
    }

    fn problem(&mut self, code: &'static str, message: impl Into<String>) {
        self.problems.push(Problem {
            code,
            message: message.into(),
        });
    }

    fn judge(&mut self, auth: &Auth, now_micros: i64) {
        if self.header.get("alg") != Some(&json!("HS256")) {
            let found = self
                .header
                .get("alg")
                .map_or_else(|| "none".to_owned(), plain);
            self.problem(
                "algorithm",
                format!("its algorithm is {found}; HS256 is taken"),
            );
        }
        self.judge_times(auth, now_micros);
        self.judge_name("iss", "issuer", &auth.issuer);
        self.judge_name("aud", "audience", &auth.audience);
        self.judge_scope();
        let subjects = ["clientId", "sub", "userId", "id"];
        if !subjects.iter().any(|name| self.claims.contains_key(*name)) {
            self.problem("subject", "it names no caller: it has no claim sub");
        }
    }

    fn judge_times(&mut self, auth: &Auth, now_micros: i64) {
        let skew = auth.clock_skew_ms.micros();
        match (self.claims.contains_key("exp"), self.time("exp")) {
            (false, _) => self.problem(
                "no_expiry",
                "it has no expiry (exp); only a demo takes such a token",
            ),
            (true, None) => self.problem(
                "expiry",
                "its expiry (exp) is no number of seconds since 1970",
            ),
            (true, Some(exp)) if exp.0 + skew <= now_micros => {
                self.problem(
                    "expired",
                    format!("it expired at {exp}; waybill token makes a new one"),
                );
            }
            (true, Some(_)) => {}
        }
        for name in ["nbf", "iat"] {
            if let Some(from) = self.time(name).filter(|from| from.0 > now_micros + skew) {
                self.problem(
                    "not_yet_valid",
                    format!("it is valid from {from} only ({name})"),
                );
            }
        }
    }

    /// `iss` is one name, `aud` one or several.
    fn judge_name(&mut self, claim: &'static str, word: &'static str, expected: &str) {
        let Some(found) = self.claims.get(claim) else {
            self.problem(
                word,
                format!("it has no {word} ({claim}); only a demo takes such a token"),
            );
            return;
        };
        let is_in = |list: &Vec<Value>| list.iter().any(|name| name == expected);
        if found != expected && !found.as_array().is_some_and(is_in) {
            let message = format!(
                "its {word} ({claim}) is {}, expected {expected}",
                plain(found)
            );
            self.problem(word, message);
        }
    }

    fn judge_scope(&mut self) {
        let Some(scope) = self.claims.get("scope") else {
            self.problem("scope", "it has no scope; only a demo takes such a token");
            return;
        };
        let known = |name: &str| Scope::ALL.iter().any(|scope| scope.name() == name);
        let scope = plain(scope);
        let (known, unknown): (Vec<&str>, Vec<&str>) = scope
            .split(' ')
            .filter(|name| !name.is_empty())
            .partition(|name| known(name));
        if known.is_empty() {
            self.problem(
                "scope",
                "it has no scope that Waybill knows, so it allows nothing",
            );
        }
        if !unknown.is_empty() {
            let message = format!("unknown here, and without effect: {}", unknown.join(", "));
            self.problem("unknown_scope", message);
        }
    }

    fn time(&self, claim: &str) -> Option<Time> {
        let seconds = self.claims.get(claim)?.as_f64()?;
        // A server reads whole seconds, and none after the year 9999.
        let known = (0.0..=LAST_SECOND as f64).contains(&seconds);
        known.then(|| Time(seconds as i64 * MICROS_PER_SECOND))
    }

    /// A time that can be written: the calendar of the library ends a day before the year 10000.
    fn shown(&self, claim: &str) -> Option<Time> {
        self.time(claim)
            .filter(|time| jiff::Timestamp::from_microsecond(time.0).is_ok())
    }

    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        for (name, value) in self.header.iter().chain(&self.claims) {
            let _ = write!(text, "{:10}  {}", Cell::new(name), plain(value));
            if let (true, Some(time)) = (["exp", "iat", "nbf"].contains(&&**name), self.shown(name))
            {
                let _ = write!(text, "  {time}");
            }
            text.push('\n');
        }
        for problem in &self.problems {
            let _ = writeln!(text, "wrong       {}", Cell::new(&problem.message));
        }
        text.push_str(match self.problems.is_empty() {
            true => "nothing speaks against it here; the signature was not checked",
            false => "something is wrong with it; the signature was not checked",
        });
        text
    }

    fn as_json(&self) -> Value {
        let problems = self.problems.iter();
        let problems: Vec<Value> = problems
            .map(|problem| json!({"code": problem.code, "message": problem.message}))
            .collect();
        json!({
            "header": self.header,
            "claims": self.claims,
            "expiresAt": self.shown("exp").map(|time| time.to_string()),
            "problems": problems,
        })
    }
}

fn decoded(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}
