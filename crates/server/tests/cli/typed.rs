//! A person who types commands in a folder of their own.

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

pub const WAYBILL: &str = env!("CARGO_BIN_EXE_waybill");

pub struct Person {
    home: TempDir,
    environment: Vec<(String, String)>,
}

impl Person {
    pub fn new() -> Self {
        Self {
            home: tempfile::tempdir().expect("a folder"),
            environment: vec![],
        }
    }

    /// One who speaks to this server with this token, as the environment says.
    pub fn at(url: &str, token: &str) -> Self {
        Self::new()
            .with("WAYBILL_URL", url)
            .with("WAYBILL_TOKEN", token)
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The command, in that folder, with nothing of the test's own environment but `PATH`.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(WAYBILL);
        command
            .args(words)
            .env_clear()
            .env("HOME", self.home())
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub async fn types(&self, words: &[&str]) -> CommandOutput {
        let output = self.command(words).output().await;
        CommandOutput::of(output.expect("the binary runs"))
    }

    /// What a shell makes of a line in which `$WAYBILL` is the binary; the exit code is that of `$WAYBILL`.
    pub async fn in_shell(&self, line: &str) -> CommandOutput {
        let mut command = self.command(&[]);
        let shell = command.as_std_mut();
        let mut bash = Command::new("bash");
        bash.arg("-c")
            .arg(line)
            .env_clear()
            .envs(
                shell
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .env("WAYBILL", WAYBILL)
            .current_dir(self.home())
            .stdin(Stdio::null());
        CommandOutput::of(bash.output().await.expect("bash runs"))
    }
}

/// The output and exit code of a command.
#[derive(Debug)]
pub struct CommandOutput {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl CommandOutput {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Self {
            code: output.status.code().expect("it ended by itself"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// The result as JSON; the command must have been done.
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The error as JSON, on standard error, with nothing on standard output.
    pub fn error(&self) -> Value {
        assert_eq!(self.out, "", "{self:?}");
        let body: Value =
            serde_json::from_str(&self.err).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        assert!(
            body["error"]["code"].is_string() && body["error"]["message"].is_string(),
            "{body}"
        );
        body["error"].clone()
    }
}
