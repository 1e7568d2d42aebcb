//! The test disk itself: it must lose exactly what a disk may lose, and fail at the test's command.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rusqlite::Connection;
use waybill_testkit::shim::{Disk, Kept, Space, Target};

const ENOSPC: &str = "failed: 28";
const EIO: &str = "failed: 5";

struct Probe {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Probe {
    fn start(disk: &Disk, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_disk-probe"))
            .args(arguments)
            .envs(disk.environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the probe starts");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Self {
            child,
            input,
            output,
        }
    }

    /// The next line, or `None` when the probe has ended.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self
            .output
            .read_line(&mut line)
            .expect("the probe's stdout")
            > 0)
        .then(|| line.trim_end().to_string())
    }

    fn step(&mut self, step: &str) -> String {
        writeln!(self.input, "{step}").expect("the probe reads its steps");
        self.line().expect("the probe answers every step")
    }

    fn kill(mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }
}

struct Place {
    _home: tempfile::TempDir,
    data: std::path::PathBuf,
    disk: Disk,
}

fn place() -> Place {
    let home = tempfile::tempdir().expect("a temp folder");
    let data = home.path().join("data");
    std::fs::create_dir(&data).expect("a fresh folder");
    let disk = Disk::new(&data, &home.path().join("disk")).expect("the shim compiles");
    Place {
        _home: home,
        data,
        disk,
    }
}

/// Commits rows, kills the probe after `acked` of them, loses power; (rows there, integrity).
fn rows_after_power_loss(synchronous: &str, acked: usize, seed: u64) -> (i64, String) {
    let Place { _home, data, disk } = place();
    let mut probe = Probe::start(
        &disk,
        &[
            "rows",
            data.to_str().expect("UTF-8"),
            synchronous,
            "1000000",
        ],
    );
    for n in 1..=acked {
        assert_eq!(probe.line(), Some(n.to_string()));
    }
    probe.kill();
    disk.lose_power(seed).expect("the undo logs make sense");
    let Ok(db) = Connection::open(data.join("rows.db")) else {
        return (0, "cannot open".into());
    };
    let rows = db
        .query_row("SELECT count(*) FROM rows", [], |r| r.get(0))
        .unwrap_or(0);
    (
        rows,
        db.query_row("PRAGMA integrity_check", [], |r| r.get(0))
            .unwrap_or_else(|e| e.to_string()),
    )
}

#[test]
fn rows_committed_with_full_sync_survive_a_power_loss() {
    for seed in 0..20 {
        let acked = 3 + seed as usize * 13;
        let (rows, integrity) = rows_after_power_loss("FULL", acked, seed);
        assert!(
            rows >= acked as i64,
            "seed {seed}: {acked} rows were acknowledged, {rows} are there"
        );
        assert_eq!(integrity, "ok", "seed {seed}");
    }
}

#[test]
fn rows_committed_without_sync_are_lost_in_a_power_loss() {
    let lost = (0..10)
        .filter(|&seed| rows_after_power_loss("OFF", 100, seed).0 < 100)
        .count();
    assert!(lost >= 5, "only {lost} of 10 power losses lost anything");
}

#[test]
fn a_kill_without_a_power_loss_loses_nothing_and_its_unsynced_changes_stay_at_stake() {
    let Place { _home, data, disk } = place();
    let folder = data.to_str().expect("UTF-8").to_string();
    for round in 0..2 {
        let mut probe = Probe::start(&disk, &["rows", &folder, "OFF", "1000"]);
        for n in 1..=20 {
            let row: i64 = probe.line().expect("a row").parse().expect("a number");
            assert!(row >= round * 20 + n);
        }
        probe.kill();
    }
    // Seeds are tried until one loses everything: the first round's rows were at stake as well.
    let outage = disk.lose_power(0).expect("the undo logs make sense");
    assert!(outage.unsynced_changes() > 40, "{outage:?}");
}

#[test]
fn what_was_synced_stays_and_what_was_not_may_go() {
    let mut kept = Vec::new();
    for seed in 0..40 {
        let Place { _home, data, disk } = place();
        let file = data.join("plain");
        let mut probe = Probe::start(&disk, &["plain", file.to_str().expect("UTF-8")]);
        assert_eq!(probe.step(&format!("write 0 {}", "a".repeat(2000))), "ok");
        assert_eq!(probe.step("sync"), "ok");
        assert_eq!(probe.step(&format!("write 500 {}", "b".repeat(1000))), "ok");
        assert_eq!(
            probe.step(&format!("write 2000 {}", "c".repeat(3000))),
            "ok"
        );
        assert_eq!(probe.step("truncate 1000"), "ok");
        probe.kill();
        let outage = disk.lose_power(seed).expect("the undo logs make sense");
        let content = std::fs::read_to_string(&file).expect("it was synced, so it is there");
        assert_eq!(
            &content[..500],
            "a".repeat(500),
            "seed {seed}: synced and never changed"
        );
        assert_eq!(outage.unsynced_changes(), 3);
        if outage.files[0].kept == Kept::Nothing {
            assert_eq!(content, "a".repeat(2000));
        }
        if outage.files[0].kept == Kept::Prefix(3) {
            assert_eq!(content, "a".repeat(500) + &"b".repeat(500));
        }
        kept.push(outage.files[0].kept);
    }
    assert!(kept.contains(&Kept::Nothing));
    assert!(kept.iter().any(|k| matches!(k, Kept::Prefix(_))));
    assert!(
        kept.iter()
            .any(|k| matches!(k, Kept::Sectors { newer: 1.., .. })),
        "no torn write in 40 outages"
    );
}

#[test]
fn the_same_seed_loses_the_same() {
    let outcome = || {
        let Place { _home, data, disk } = place();
        let file = data.join("plain");
        let mut probe = Probe::start(&disk, &["plain", file.to_str().expect("UTF-8")]);
        for n in 0..20 {
            assert_eq!(
                probe.step(&format!("write {} {}", n * 300, n.to_string().repeat(200))),
                "ok"
            );
            if n == 5 {
                assert_eq!(probe.step("sync"), "ok");
            }
        }
        probe.kill();
        disk.lose_power(77).expect("the undo logs make sense");
        std::fs::read(file).expect("it was synced once")
    };
    assert_eq!(outcome(), outcome());
}

#[test]
fn a_full_disk_refuses_growth_until_there_is_room() {
    let Place { _home, data, disk } = place();
    let mut probe = Probe::start(
        &disk,
        &["plain", data.join("plain").to_str().expect("UTF-8")],
    );
    assert_eq!(probe.step("write 0 hello"), "ok");
    disk.control().space(Space::NoGrowth);
    assert_eq!(probe.step("write 0 HELLO"), "ok");
    assert_eq!(probe.step("write 3 LONGER"), ENOSPC);
    disk.control().space(Space::NoWrite);
    assert_eq!(probe.step("write 0 hello"), ENOSPC);
    disk.control().space(Space::Bytes(10));
    assert_eq!(probe.step("write 5 12345"), "ok");
    assert_eq!(probe.step("write 10 123456"), ENOSPC);
    assert_eq!(disk.control().no_space_hits(), 3);
    disk.control().space(Space::Enough);
    assert_eq!(probe.step("write 10 123456"), "ok");
    probe.kill();
}

#[test]
fn writes_and_syncs_fail_when_told_and_only_then() {
    let Place { _home, data, disk } = place();
    let mut probe = Probe::start(
        &disk,
        &["plain", data.join("plain").to_str().expect("UTF-8")],
    );
    disk.control().fail_write(2);
    let answers: Vec<String> = (0..3).map(|_| probe.step("write 0 hello")).collect();
    assert_eq!(answers, ["ok", EIO, "ok"]);
    disk.control().fail_sync(1);
    assert_eq!([probe.step("sync"), probe.step("sync")], [EIO, "ok"]);
    disk.control().fail_syncs(true);
    assert_eq!([probe.step("sync"), probe.step("sync")], [EIO, EIO]);
    disk.control().target(Target::Wal);
    assert_eq!(probe.step("sync"), "ok");
    assert_eq!(
        (
            disk.control().write_failures(),
            disk.control().sync_failures()
        ),
        (1, 3)
    );
    probe.kill();
}

#[test]
fn a_failed_sync_makes_nothing_durable() {
    let Place { _home, data, disk } = place();
    let file = data.join("plain");
    let mut probe = Probe::start(&disk, &["plain", file.to_str().expect("UTF-8")]);
    assert_eq!(probe.step("write 0 durable"), "ok");
    assert_eq!(probe.step("sync"), "ok");
    disk.control().fail_sync(1);
    assert_eq!(probe.step("write 0 DOUBTED"), "ok");
    assert_eq!(probe.step("sync"), EIO);
    probe.kill();
    assert_eq!(
        disk.lose_power(1)
            .expect("the undo logs make sense")
            .unsynced_changes(),
        1
    );
}

#[test]
fn files_elsewhere_are_left_alone() {
    let Place {
        _home,
        data: _,
        disk,
    } = place();
    let elsewhere = tempfile::tempdir().expect("a temp folder");
    let file: &Path = &elsewhere.path().join("plain");
    let mut probe = Probe::start(&disk, &["plain", file.to_str().expect("UTF-8")]);
    disk.control().space(Space::NoWrite);
    assert_eq!(probe.step("write 0 hello"), "ok");
    probe.kill();
    assert!(
        disk.lose_power(0)
            .expect("nothing to read")
            .files
            .is_empty()
    );
    assert_eq!(std::fs::read_to_string(file).expect("it is there"), "hello");
}
