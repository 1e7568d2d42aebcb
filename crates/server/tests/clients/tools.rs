//! The linters and generators: installed once at exact versions, outside the clone.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use waybill_testkit::unavailable::Unavailable;

/// Where the files of this test are.
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");

/// A set of tools that is installed together.
pub struct Kind {
    name: &'static str,
    /// The files that say what is installed, at which versions.
    versions: &'static [&'static str],
    install: &'static str,
}

pub static NODE: Kind = Kind {
    name: "node",
    versions: &["package.json", "package-lock.json"],
    install: "npm ci --ignore-scripts --no-audit --no-fund",
};

pub static PYTHON: Kind = Kind {
    name: "python",
    versions: &["requirements.txt"],
    install: "python3 -m venv . && bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt",
};

/// Installed tools.
pub struct Tools {
    folder: PathBuf,
}

/// One installation at a time in this program.
static INSTALLING: Mutex<()> = Mutex::new(());

impl Tools {
    /// The tools of a kind, installed if they are not yet.
    ///
    /// # Errors
    /// They are not there and cannot be installed.
    pub fn of(kind: &Kind) -> Result<Self, Unavailable> {
        let _one = INSTALLING
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let folder = cache().join(format!("{}-{}", kind.name, fingerprint(kind)));
        let complete = folder.join("complete");
        if !complete.exists() {
            install(kind, &folder)?;
            std::fs::write(complete, "").map_err(|why| unavailable(kind, &why.to_string()))?;
        }
        Ok(Self { folder })
    }

    /// A folder to work in, with these files of the test. It lies beside the tools, where Node looks for modules.
    pub fn work_folder(&self, files: &[&str]) -> TempDir {
        let mut work = tempfile::Builder::new();
        let work = work.prefix("work-").tempdir_in(&self.folder);
        let work = work.expect("a folder");
        for name in files {
            std::fs::copy(Path::new(HERE).join(name), work.path().join(name)).expect("copied");
        }
        work
    }

    /// A program of the node tools.
    pub fn node(&self, name: &str) -> Run {
        self.program("node")
            .arg(self.folder.join("node_modules/.bin").join(name))
    }

    /// A program by its path within the tools, or one of the system by its name.
    pub fn program(&self, name: &str) -> Run {
        let own = self.folder.join(name);
        let program = if name.contains('/') { own } else { name.into() };
        Run(Command::new(program))
    }
}

/// A program to be run.
pub struct Run(Command);

impl Run {
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    pub fn args<const N: usize>(mut self, arguments: [&str; N]) -> Self {
        self.0.args(arguments);
        self
    }
}

/// Runs a program in a folder; what it printed, once it succeeded.
pub fn finished(run: Run, folder: &Path) -> String {
    let Run(mut command) = run;
    let output = command
        .current_dir(folder)
        .stdin(Stdio::null())
        .env("REDOCLY_TELEMETRY", "off")
        .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap_or_else(|why| panic!("{command:?}: {why}"));
    let said = [&output.stderr[..], &output.stdout[..]].map(String::from_utf8_lossy);
    let said = said.concat();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

fn install(kind: &Kind, folder: &Path) -> Result<(), Unavailable> {
    let failed = |why: &dyn std::fmt::Display| unavailable(kind, &why.to_string());
    // What an installation that was cut off has left.
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).map_err(|why| failed(&why))?;
    for name in kind.versions {
        let copied = std::fs::copy(Path::new(HERE).join(name), folder.join(name));
        copied.map_err(|why| failed(&why))?;
    }
    let mut shell = Command::new("sh");
    let installed = shell
        .args(["-c", kind.install])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|why| failed(&why))?;
    if installed.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&installed.stderr);
    let last: Vec<&str> = said.lines().rev().take(3).collect();
    Err(failed(&format!(
        "`{}` failed: {}",
        kind.install,
        last.join("; ")
    )))
}

fn unavailable(kind: &Kind, why: &str) -> Unavailable {
    let what = if kind.name == "node" {
        "Node tools"
    } else {
        "Python tools"
    };
    Unavailable::new(what, why)
}

fn cache() -> PathBuf {
    let given = std::env::var_os("WAYBILL_CACHE").map(PathBuf::from);
    let home =
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/waybill");
    given.unwrap_or_else(home).join("clients")
}

/// Of everything that says what is installed.
fn fingerprint(kind: &Kind) -> String {
    let mut hash = Sha256::new();
    for name in kind.versions {
        let text = std::fs::read(Path::new(HERE).join(name)).expect("a file of the test");
        hash.update(text);
    }
    hash.update(kind.install);
    let short = &hash.finalize()[..8];
    short.iter().map(|byte| format!("{byte:02x}")).collect()
}
