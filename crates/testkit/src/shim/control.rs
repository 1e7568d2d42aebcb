//! The disk's control file: faults are switched on and counters read while the process runs.
//!
//! One page of native 64-bit words that the shim has mapped (`shim/control.h` names them, in the same
//! order). Here it is read and written as a file, which Linux keeps coherent with the mapping.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const MAGIC: u64 = 0x3130_5443_4b53_4944;
const PAGE_BYTES: u64 = 4096;

/// The words of the page, in its order.
#[derive(Clone, Copy)]
enum Word {
    Magic,
    Target,
    Space,
    SpaceLeft,
    WriteFailsAt,
    SyncFails,
    SyncFailsAt,
    SyncDelayUs,
    SyncPretend,
    Writes,
    Syncs,
    NoSpaceHits,
    WriteFailures,
    SyncFailures,
    UndoBytes,
    WriteBacks,
}

/// Which files faults hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Every file on the disk.
    All = 0,
    /// Write-ahead logs: what a commit writes and syncs.
    Wal = 1,
    /// Neither a write-ahead log nor its index: what a checkpoint writes and syncs.
    Main = 2,
}

/// How much room the disk has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    Enough,
    /// No file may grow; writing over what is there still works, as on ext4.
    NoGrowth,
    /// So many bytes of growth, then as `NoGrowth`.
    Bytes(u64),
    /// No write at all, as on a full copy-on-write file system.
    NoWrite,
}

/// Switches and counters of one disk.
#[derive(Debug)]
pub struct Control {
    file: File,
    path: PathBuf,
}

impl Control {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path);
        let file = file.with_context(|| format!("cannot create {}", path.display()))?;
        file.set_len(PAGE_BYTES)?;
        let control = Self {
            file,
            path: path.to_path_buf(),
        };
        control.set(Word::Magic, MAGIC);
        Ok(control)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Which files the faults hit from now on; all of them by default.
    pub fn target(&self, target: Target) {
        self.set(Word::Target, target as u64);
    }

    pub fn space(&self, space: Space) {
        let (mode, left) = match space {
            Space::Enough => (0, 0),
            Space::NoGrowth => (1, 0),
            Space::Bytes(left) => (2, left),
            Space::NoWrite => (3, 0),
        };
        self.set(Word::SpaceLeft, left);
        self.set(Word::Space, mode);
    }

    /// The `n`-th write from now fails once with EIO.
    pub fn fail_write(&self, n: u64) {
        self.set(Word::WriteFailsAt, n);
    }

    /// The `n`-th sync from now fails once with EIO, and makes nothing durable.
    pub fn fail_sync(&self, n: u64) {
        self.set(Word::SyncFailsAt, n);
    }

    /// Every sync fails, until switched off.
    pub fn fail_syncs(&self, on: bool) {
        self.set(Word::SyncFails, u64::from(on));
    }

    /// Every sync takes this much longer: a slow disk.
    pub fn delay_syncs_us(&self, us: u64) {
        self.set(Word::SyncDelayUs, us);
    }

    /// Syncs are booked but not made. The page cache outlives a killed process, so a simulated power
    /// loss loses nothing by it, and the run is spared the real disk's latency.
    pub fn pretend_syncs(&self, on: bool) {
        self.set(Word::SyncPretend, u64::from(on));
    }

    pub fn writes(&self) -> u64 {
        self.get(Word::Writes)
    }

    pub fn syncs(&self) -> u64 {
        self.get(Word::Syncs)
    }

    /// Writes refused because the disk was full.
    pub fn no_space_hits(&self) -> u64 {
        self.get(Word::NoSpaceHits)
    }

    pub fn write_failures(&self) -> u64 {
        self.get(Word::WriteFailures)
    }

    pub fn sync_failures(&self) -> u64 {
        self.get(Word::SyncFailures)
    }

    pub fn undo_bytes(&self) -> u64 {
        self.get(Word::UndoBytes)
    }

    /// Times a file was synced behind the program's back, because it had left more unsynced than the
    /// undo log holds (1 GiB).
    pub fn write_backs(&self) -> u64 {
        self.get(Word::WriteBacks)
    }

    fn set(&self, word: Word, value: u64) {
        // The page exists and is ours; if the real disk fails under it, the test cannot go on.
        self.file
            .write_all_at(&value.to_ne_bytes(), word as u64 * 8)
            .expect("the control file is writable");
    }

    fn get(&self, word: Word) -> u64 {
        let mut bytes = [0; 8];
        self.file
            .read_exact_at(&mut bytes, word as u64 * 8)
            .expect("the control file is one page long");
        u64::from_ne_bytes(bytes)
    }
}
