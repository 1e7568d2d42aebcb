//! A disk that fills up and fails under many processes, such as those of a database server.
//!
//! Owns the files that such a server needs for it, in a folder that its user may read: a copy of the library
//! `shim/shared.c`, and the control file. It loses no power: what a process did not sync is not known to another.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::compile::Library;
use super::control::Control;

const SHARED: Library = Library {
    name: "shared",
    sources: &[
        ("shared.c", include_str!("../../shim/shared.c")),
        ("control.h", include_str!("../../shim/control.h")),
        ("faults.h", include_str!("../../shim/faults.h")),
    ],
};

/// Everything written below `root` by processes started with its environment.
#[derive(Debug)]
pub struct SharedDisk {
    root: PathBuf,
    library: PathBuf,
    control: Control,
}

impl SharedDisk {
    /// A disk that holds `root` and keeps its own files in `books`, beside it; both must exist.
    pub fn new(root: &Path, books: &Path) -> Result<Self> {
        let canonical = |path: &Path| {
            let found = path.canonicalize();
            found.with_context(|| format!("no such folder: {}", path.display()))
        };
        let (root, books) = (canonical(root)?, canonical(books)?);
        let library = books.join("disk.so");
        // The build's folder may be closed to the server's user.
        std::fs::copy(SHARED.compiled()?, &library)?;
        let control = Control::create(&books.join("disk.control"))?;
        Ok(Self {
            root,
            library,
            control,
        })
    }

    /// The files that the server's user must be able to read and write.
    pub fn files(&self) -> [&Path; 2] {
        [&self.library, self.control.path()]
    }

    /// What a process needs in its environment to be on this disk.
    pub fn environment(&self) -> [(&'static str, OsString); 3] {
        [
            ("LD_PRELOAD", self.library.clone().into()),
            ("DISK_SHIM_DIR", self.root.clone().into()),
            ("DISK_SHIM_CONTROL", self.control.path().into()),
        ]
    }

    /// Faults to switch on and counters to read, while processes run.
    pub fn control(&self) -> &Control {
        &self.control
    }
}
