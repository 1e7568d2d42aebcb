//! A wall clock of one process that differs from the machine's, and jumps while the process runs.
//!
//! Owns the page that the preload library `shim/clock.c` has mapped. The process's waiting is not touched.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::compile::Library;

const CLOCK: Library = Library {
    name: "clock",
    sources: &[("clock.c", include_str!("../../shim/clock.c"))],
};
const PAGE_BYTES: u64 = 4096;

/// The clock of one process; right until it is set.
#[derive(Debug)]
pub struct TestClock {
    library: PathBuf,
    path: PathBuf,
    page: File,
}

impl TestClock {
    /// Keeps its page in this folder.
    pub fn new(books: &Path) -> Result<Self> {
        let path = books.canonicalize()?.join("clock");
        let page = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path);
        let page = page.with_context(|| format!("cannot create {}", path.display()))?;
        page.set_len(PAGE_BYTES)?;
        Ok(Self {
            library: CLOCK.compiled()?,
            path,
            page,
        })
    }

    /// What a process needs in its environment to have this clock.
    pub fn environment(&self) -> [(&'static str, OsString); 2] {
        [
            ("LD_PRELOAD", self.library.clone().into()),
            ("CLOCK_SHIM_CONTROL", self.path.clone().into()),
        ]
    }

    /// Sets it so many seconds ahead of the right time, or behind it.
    pub fn set_ahead_s(&self, seconds: i64) {
        let us = seconds * 1_000_000;
        // The page exists and is ours; if the real disk fails under it, the test cannot go on.
        self.page
            .write_all_at(&us.to_ne_bytes(), 0)
            .expect("the clock's page is writable");
    }
}
