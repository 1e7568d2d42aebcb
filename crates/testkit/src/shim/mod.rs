//! A disk that can lose power, fill up and fail, under the unmodified binary.
//!
//! Owns the preload library `shim/disk.c`, the folder of its undo logs, and its control file. A process
//! started with [`Disk::environment`] has its data folder on that disk. `power` is what happens when the
//! power goes; `control` the faults; `shared` a disk under many processes; `clock` is no disk but
//! a wall clock that jumps, made in the same way; `compile` makes the libraries.
//! Linux only, since it is built on `LD_PRELOAD`.

mod clock;
mod compile;
mod control;
mod power;
mod shared;

pub use clock::TestClock;
pub use control::{Control, Space, Target};
pub use power::{FileLoss, Kept, Outage, lose_power};
pub use shared::SharedDisk;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use compile::Library;

const DISK: Library = Library {
    name: "disk",
    sources: &[
        ("disk.c", include_str!("../../shim/disk.c")),
        ("control.h", include_str!("../../shim/control.h")),
        ("faults.h", include_str!("../../shim/faults.h")),
        ("undo.h", include_str!("../../shim/undo.h")),
    ],
};

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
            library: DISK.compiled()?,
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
