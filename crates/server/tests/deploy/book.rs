//! The commands of docs/operations.md, run as they stand there.

use std::path::Path;
use std::process::{Command, Output};

use super::{WAYBILL, repository_file};

/// The lines of the one block of shell commands that contains a text.
pub fn commands(containing: &str) -> Vec<String> {
    let page = repository_file("docs/operations.md");
    let blocks = page.split("```sh\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    let found: Vec<&str> = blocks.filter(|block| block.contains(containing)).collect();
    let [block] = found[..] else {
        panic!("{containing} is in {} blocks", found.len());
    };
    block.lines().map(str::to_owned).collect()
}

/// Runs one of them; `waybill` is the binary of this build.
pub fn run(command: &str, environment: &[(&str, &str)]) -> Output {
    let folder = Path::new(WAYBILL).parent().expect("it is in a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let empty = tempfile::tempdir().expect("a folder");
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).current_dir(&empty);
    shell.env("PATH", format!("{}:{path}", folder.display()));
    shell.envs(environment.iter().copied());
    shell.output().expect("a shell")
}

/// Runs one of them, which must succeed.
pub fn succeeds(command: &str, environment: &[(&str, &str)]) {
    let output = run(command, environment);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {said}");
}
