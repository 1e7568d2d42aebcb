//! The power goes: what was never synced is taken back, as a real disk might.
//!
//! Reads the undo logs that `shim/undo.h` wrote. Invariant: what a successful sync covered stays, bit
//! for bit; of everything after it, any 512-byte sector may have reached the disk or not, in any
//! order, and in any of the versions it had since. Three ways, chosen by the seed for each file: all
//! of it is lost, a prefix of the changes arrived, or each sector fared for itself (torn and
//! reordered writes). Files are independent of each other.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const SECTOR: usize = 512;
const HEADER_BYTES: u64 = 4096;
const PATH_BYTES: usize = 4000;
const RECORD_BYTES: usize = 40;
const LOG_MAGIC: u64 = 0x3130_4f44_4e55_4257;
const RECORD_MAGIC: u64 = 0x4452_4f43_4552_4255;

/// What one power loss did, file by file.
#[derive(Debug, Clone, Default)]
pub struct Outage {
    pub files: Vec<FileLoss>,
}

/// What happened to the changes of one file that no sync had made durable.
#[derive(Debug, Clone)]
pub struct FileLoss {
    pub path: PathBuf,
    pub unsynced_changes: usize,
    pub unsynced_bytes: u64,
    pub kept: Kept,
}

/// How much of the unsynced changes reached the disk all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Nothing,
    /// The first so many changes, in their order.
    Prefix(usize),
    /// So many of the sectors in a version newer than the durable one.
    Sectors {
        newer: usize,
        of: usize,
    },
    /// The file was new, and its directory entry had not reached the disk.
    NoFile,
}

impl Outage {
    /// Changes that were at stake, in all files.
    pub fn unsynced_changes(&self) -> usize {
        self.files.iter().map(|f| f.unsynced_changes).sum()
    }

    /// Changes that were at stake in SQLite databases and their write-ahead logs.
    pub fn unsynced_database_changes(&self) -> usize {
        let database = |f: &&FileLoss| f.path.to_string_lossy().contains(".db");
        self.files
            .iter()
            .filter(database)
            .map(|f| f.unsynced_changes)
            .sum()
    }
}

/// Replays every undo log in `state` against its file, then empties `state`. The same seed does the same.
pub fn lose_power(state: &Path, seed: u64) -> Result<Outage> {
    let mut outage = Outage::default();
    let mut names: Vec<PathBuf> = std::fs::read_dir(state)?
        .map(|e| Ok(e?.path()))
        .collect::<Result<_>>()?;
    names.sort();
    for (number, name) in names.iter().enumerate() {
        if let Some(log) = UndoLog::read(name)? {
            let rng = StdRng::seed_from_u64(
                seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
                    .wrapping_add(number as u64),
            );
            if let Some(loss) = log.take_back(rng)? {
                outage.files.push(loss);
            }
        }
        std::fs::remove_file(name)?;
    }
    Ok(outage)
}

/// What a file held before one change: `saved` stood at `offset`, and the file was `old_size` long.
struct Record {
    offset: u64,
    length: u64,
    old_size: u64,
    saved: Vec<u8>,
}

struct UndoLog {
    path: PathBuf,
    /// The file was created and never synced.
    entry_pending: bool,
    /// Oldest first.
    records: Vec<Record>,
}

impl UndoLog {
    /// `None` for a log whose process died before it was set up, or whose file is gone.
    fn read(name: &Path) -> Result<Option<Self>> {
        let file = File::open(name).with_context(|| format!("cannot read {}", name.display()))?;
        let mut header = vec![0; HEADER_BYTES as usize];
        match file.read_exact_at(&mut header, 0) {
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        if word(&header, 0) != LOG_MAGIC || word(&header, 24) != 0 {
            return Ok(None);
        }
        let path = &header[32..32 + PATH_BYTES];
        let path = path.split(|&b| b == 0).next().unwrap_or(path);
        let path =
            PathBuf::from(std::str::from_utf8(path).context("paths on a test disk are UTF-8")?);
        let (base, tail) = (
            word(&header, 8) >> 32,
            word(&header, 8) & u64::from(u32::MAX),
        );
        let mut bytes = vec![0; (tail - base) as usize];
        file.read_exact_at(&mut bytes, HEADER_BYTES + base)?;
        let mut rest = &bytes[..];
        let mut records = Vec::new();
        while !rest.is_empty() {
            ensure!(
                word(rest, 0) == RECORD_MAGIC,
                "{}: the undo log is damaged",
                name.display()
            );
            let saved = word(rest, 32) as usize;
            let next = (RECORD_BYTES + saved).next_multiple_of(8);
            records.push(Record {
                offset: word(rest, 8),
                length: word(rest, 16),
                old_size: word(rest, 24),
                saved: rest[RECORD_BYTES..RECORD_BYTES + saved].to_vec(),
            });
            rest = &rest[next..];
        }
        Ok(Some(Self {
            path,
            entry_pending: word(&header, 16) != 0,
            records,
        }))
    }

    /// `None` when nothing of the file was at stake.
    fn take_back(self, mut rng: StdRng) -> Result<Option<FileLoss>> {
        if self.path.to_string_lossy().ends_with("-shm") {
            // Only ever in memory; SQLite rebuilds it.
            remove_if_there(&self.path)?;
            return Ok(None);
        }
        let unsynced_bytes = self.records.iter().map(|r| r.length).sum();
        let loss = |kept| FileLoss {
            path: self.path.clone(),
            unsynced_changes: self.records.len(),
            unsynced_bytes,
            kept,
        };
        if self.entry_pending && rng.random_bool(0.5) {
            remove_if_there(&self.path)?;
            return Ok(Some(loss(Kept::NoFile)));
        }
        if self.records.is_empty() {
            return Ok(None);
        }
        let file = match OpenOptions::new().read(true).write(true).open(&self.path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.with_context(|| format!("cannot open {}", self.path.display()))?,
        };
        let history = History::of(&file, &self.records)?;
        let kept = match rng.random_range(0..10) {
            0..4 => history.keep_prefix(&file, 0).map(|()| Kept::Nothing),
            4..6 => {
                let changes = rng.random_range(0..=self.records.len());
                history
                    .keep_prefix(&file, changes)
                    .map(|()| Kept::Prefix(changes))
            }
            _ => history.keep_sectors(&file, &mut rng),
        }?;
        Ok(Some(loss(kept)))
    }
}

type Sector = Box<[u8; SECTOR]>;

/// Every version that the touched sectors, and the file's size, had since the last sync.
struct History {
    /// By sector number: the content before change number so and so, newest first; the first entry is
    /// the content at the kill, under the number of all changes.
    sectors: BTreeMap<u64, Vec<(usize, Sector)>>,
    /// The size before each change, and last the size at the kill.
    sizes: Vec<u64>,
}

impl History {
    fn of(file: &File, records: &[Record]) -> Result<Self> {
        let mut sectors: BTreeMap<u64, Vec<(usize, Sector)>> = BTreeMap::new();
        for (change, record) in records.iter().enumerate().rev() {
            let end = record.offset + record.length;
            for number in record.offset / SECTOR as u64..end.div_ceil(SECTOR as u64) {
                let versions = sectors.entry(number).or_default();
                if versions.is_empty() {
                    versions.push((records.len(), read_sector(file, number)?));
                }
                let mut before = versions[versions.len() - 1].1.clone();
                record.restore(number, &mut before);
                versions.push((change, before));
            }
        }
        let mut sizes: Vec<u64> = records.iter().map(|r| r.old_size).collect();
        sizes.push(file.metadata()?.len());
        Ok(Self { sectors, sizes })
    }

    /// The file as it was after the first `changes` changes.
    fn keep_prefix(&self, file: &File, changes: usize) -> Result<()> {
        for (number, versions) in &self.sectors {
            // Newest first, so the last one from `changes` on is the state before that change.
            let version = versions.iter().rev().find(|(before, _)| *before >= changes);
            let (_, content) = version.context("the state at the kill is always there")?;
            file.write_all_at(&content[..], number * SECTOR as u64)?;
        }
        Ok(file.set_len(self.sizes[changes])?)
    }

    fn keep_sectors(&self, file: &File, rng: &mut StdRng) -> Result<Kept> {
        let arrived = rng.random_range(0.05..0.95);
        let mut newer = 0;
        for (number, versions) in &self.sectors {
            let durable = versions.len() - 1;
            let chosen = if rng.random_bool(arrived) {
                rng.random_range(0..=durable)
            } else {
                durable
            };
            newer += usize::from(chosen != durable);
            file.write_all_at(&versions[chosen].1[..], number * SECTOR as u64)?;
        }
        file.set_len(self.sizes[rng.random_range(0..self.sizes.len())])?;
        Ok(Kept::Sectors {
            newer,
            of: self.sectors.len(),
        })
    }
}

impl Record {
    /// Takes this change back in one sector.
    fn restore(&self, number: u64, sector: &mut Sector) {
        let start = number * SECTOR as u64;
        for (i, byte) in sector.iter_mut().enumerate() {
            let at = start + i as u64;
            if at >= self.old_size {
                *byte = 0;
            } else if at >= self.offset && at < self.offset + self.saved.len() as u64 {
                *byte = self.saved[(at - self.offset) as usize];
            }
        }
    }
}

fn read_sector(file: &File, number: u64) -> Result<Sector> {
    let mut sector = Box::new([0; SECTOR]);
    let mut got = 0;
    while got < SECTOR {
        match file.read_at(&mut sector[got..], number * SECTOR as u64 + got as u64)? {
            0 => break,
            n => got += n,
        }
    }
    Ok(sector)
}

fn word(bytes: &[u8], at: usize) -> u64 {
    // Both headers are longer than any word read from them.
    u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn remove_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
