//! `examples/aggregator`, as a person runs it: `make`, and every script.

use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;
use waybill_testkit::ports::free_address;
use waybill_testkit::unavailable::{Unavailable, or_skip};

use super::{BINARY, PATIENCE};

/// The folder of the examples, with data of its own; what it started is stopped with it.
struct Examples {
    data: TempDir,
    listen: String,
}

impl Examples {
    fn new() -> Self {
        Self {
            data: tempfile::tempdir().expect("a folder"),
            listen: free_address().expect("a free port").to_string(),
        }
    }

    fn folder() -> PathBuf {
        let here = env!("CARGO_MANIFEST_DIR");
        PathBuf::from(here).join("../../examples/aggregator")
    }

    /// What `make` is told, by whichever kind of command.
    fn settings(&self) -> [(&'static str, String); 3] {
        [
            ("WAYBILL", BINARY.to_owned()),
            ("DATA", self.data.path().join("data").display().to_string()),
            ("LISTEN", self.listen.clone()),
        ]
    }

    /// What `make` prints for a target; it must succeed.
    async fn make(&self, target: &str) -> String {
        let mut command = Command::new("make");
        command
            .arg("--no-print-directory")
            .arg("-C")
            .arg(Self::folder())
            .arg(target)
            .envs(self.settings())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = timeout(PATIENCE, command.output()).await;
        let output = output.expect("it ends").expect("make runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "make {target}: {said}{wrong}");
        said
    }
}

impl Drop for Examples {
    fn drop(&mut self) {
        let mut command = std::process::Command::new("make");
        command
            .arg("-C")
            .arg(Self::folder())
            .arg("clean")
            .envs(self.settings());
        // A test that failed has said why; what it started is gone, or the next line of its log says that it is not.
        let _ = command.output();
    }
}

async fn is_there(program: &'static str) -> Result<(), Unavailable> {
    let version = Command::new(program).arg("--version").output().await;
    version
        .map(|_| ())
        .map_err(|error| Unavailable::new(program, error.to_string()))
}

/// The statuses that a script prints, each on a line of its own.
fn statuses(said: &str) -> Vec<&str> {
    let lines = said.lines();
    lines
        .filter(|line| line.len() == 3 && line.bytes().all(|b| b.is_ascii_digit()))
        .collect()
}

#[tokio::test]
async fn the_examples_walk_through_a_day_of_the_aggregator() {
    for program in ["make", "curl"] {
        if or_skip(is_there(program).await).is_none() {
            return;
        }
    }
    let examples = Examples::new();
    let listed = examples.make("help").await;
    for target in ["setup", "up", "down", "status", "logs", "test", "clean"] {
        assert!(listed.contains(&format!("make {target} ")), "{listed}");
    }
    let said = examples.make("up").await;
    assert!(
        said.contains(&format!("ready at http://{}", examples.listen)),
        "{said}"
    );
    let again = examples.make("up").await;
    assert!(again.contains("it runs already"), "{again}");
    assert_eq!(statuses(&examples.make("status").await), ["200"; 3]);

    let said = examples.make("test").await;
    let of = |script: &str| {
        let parts = said.split("== ");
        let mut parts = parts.filter_map(|part| part.strip_prefix(script));
        parts
            .next()
            .unwrap_or_else(|| panic!("no {script} in {said}"))
    };
    assert_eq!(statuses(of("order.sh")), ["200", "201", "200"], "{said}");
    assert_eq!(statuses(of("split.sh")), ["201", "200"], "{said}");
    let split =
        r#""vendors":[{"vendor":"VendorA","quantity":10},{"vendor":"VendorB","quantity":2}]"#;
    assert!(of("split.sh").contains(split), "{said}");
    assert!(of("split.sh").contains(r#""status":"cancelled""#), "{said}");
    assert_eq!(statuses(of("list.sh")), ["200", "200"], "{said}");
    assert!(
        of("list.sh").contains(r#""pagination":{"page":1,"limit":2,"total":3,"pages":2}"#),
        "{said}"
    );
    assert_eq!(statuses(of("stock.sh")), ["200"], "{said}");
    assert!(
        of("stock.sh").matches("KEYBOARD-001").count() >= 2,
        "{said}"
    );
    assert_eq!(
        statuses(of("refusals.sh")),
        ["400", "400", "400", "400", "404"],
        "{said}"
    );

    let logs = examples.make("logs").await;
    for file in ["combined.log", "error.log"] {
        assert!(logs.contains(file), "{logs}");
    }
    assert_eq!(examples.make("down").await.trim(), "stopped");
    assert_eq!(examples.make("down").await.trim(), "it does not run");
    examples.make("clean").await;
    assert!(!examples.data.path().join("data").exists());
}
