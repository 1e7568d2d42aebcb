//! A disk that can lose power, fill up and fail, under the unmodified binary.
//!
//! Owns the preload library `shim/disk.c`: compiling it (once per content, into the target folder),
//! the folder of its undo logs, and its control file. A process started with [`Disk::environment`]
//! has its data folder on that disk. `power` is what happens when the power goes; `control` the
//! faults. Linux only, since it is built on `LD_PRELOAD`.

mod control;
mod power;

pub use control::{Control, Space, Target};
pub use power::{FileLoss, Kept, Outage, lose_power};

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

/// The library's sources: name and text, as compiled.
const SOURCES: [(&str, &str); 4] = [
    ("disk.c", include_str!("../../shim/disk.c")),
    ("control.h", include_str!("../../shim/control.h")),
    ("faults.h", include_str!("../../shim/faults.h")),
    ("undo.h", include_str!("../../shim/undo.h")),
];

/// One simulated disk: everything written below `root` by processes started with its environment.
#[derive(Debug)]
pub struct Disk {
    library: PathBuf,
    root: PathBuf,
    state: PathBuf,
    control: Control,
}

impl Disk {
    /// A disk that holds `root` (which must exist) and keeps its own books in `books`, beside it.
    pub fn new(root: &Path, books: &Path) -> Result<Self> {
        let state = books.join("undo");
        std::fs::create_dir_all(&state)
            .with_context(|| format!("cannot create {}", state.display()))?;
        let root = root
            .canonicalize()
            .with_context(|| format!("no such folder: {}", root.display()))?;
        let state = state.canonicalize()?;
        let control = Control::create(&books.canonicalize()?.join("control"))?;
        Ok(Self {
            library: build()?,
            root,
            state,
            control,
        })
    }

    /// What a process needs in its environment to be on this disk.
    pub fn environment(&self) -> [(&'static str, OsString); 4] {
        [
            ("LD_PRELOAD", self.library.clone().into()),
            ("DISK_SHIM_DIR", self.root.clone().into()),
            ("DISK_SHIM_STATE", self.state.clone().into()),
            ("DISK_SHIM_CONTROL", self.control.path().into()),
        ]
    }

    /// Faults to switch on and counters to read, while the process runs.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Takes back what was never synced. Only when no process is on the disk any more.
    pub fn lose_power(&self, seed: u64) -> Result<Outage> {
        lose_power(&self.state, seed)
    }
}

/// Compiles the library unless this very text was compiled before; the path is absolute.
pub fn build() -> Result<PathBuf> {
    let mut hash = Sha256::new();
    for (name, text) in SOURCES {
        hash.update(name);
        hash.update(text);
    }
    let name = hash
        .finalize()
        .iter()
        .take(8)
        .fold(String::new(), |s, byte| format!("{s}{byte:02x}"));
    let folder = target_folder()?.join(format!("disk-shim-{name}"));
    let library = folder.join("disk.so");
    if library.exists() {
        return Ok(library);
    }
    // Tests run side by side: each compiles in a folder of its own, and the rename decides who was first.
    std::fs::create_dir_all(&folder)?;
    let own = tempfile::tempdir_in(&folder)?;
    for (name, text) in SOURCES {
        std::fs::write(own.path().join(name), text)?;
    }
    let fresh = own.path().join("disk.so");
    let output = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()))
        .args([
            "-std=gnu11",
            "-O2",
            "-Wall",
            "-Wextra",
            "-fPIC",
            "-shared",
            "-fvisibility=hidden",
            "-o",
        ])
        .arg(&fresh)
        .arg(own.path().join("disk.c"))
        .arg("-lpthread")
        .output()
        .context(
            "the power-loss and disk-fault tests need a C compiler: install `cc` or name one in CC",
        )?;
    ensure!(
        output.status.success(),
        "disk.c does not compile:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::rename(&fresh, &library)?;
    Ok(library)
}

/// The folder that cargo builds into: test programs run from `<target>/<profile>/deps`.
fn target_folder() -> Result<PathBuf> {
    let program = std::env::current_exe()?.canonicalize()?;
    let folder = program
        .ancestors()
        .find(|p| p.ends_with("deps"))
        .and_then(Path::parent)
        .or(program.parent());
    Ok(folder
        .context("the test program has no folder")?
        .to_path_buf())
}
