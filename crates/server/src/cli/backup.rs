//! `waybill backup`: makes a copy of the embedded store beside the running server, checks one, and restores one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use waybill_domain::time::Time;
use waybill_store::sqlite::{Backup, Stage, create_backup, restore_backup, verify_backup};

use super::stages::Stages;
use super::verify::{print as print_report, print_json};
use super::{fail, fail_store, output};
use crate::clock::Clock;
use crate::random::Entropy;

/// Back up the embedded store, check a backup, restore one
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 0: done, and everything adds up; 6: something does not add up; 1: it could not be done.\n\nExamples:\n  waybill backup create --to /backups\n  waybill backup verify /backups/waybill-20260504T100000Z.backup\n  waybill backup restore /backups/waybill-20260504T100000Z.backup --data ./restored\n\nA store in PostgreSQL is backed up with PostgreSQL's own tools."
)]
pub struct BackupArgs {
    #[command(subcommand)]
    command: BackupCommand,
}

#[derive(Debug, Subcommand)]
enum BackupCommand {
    Create(CreateArgs),
    Verify(VerifyArgs),
    Restore(RestoreArgs),
}

/// Copy the store into one file, also beside a running server, and check the copy
#[derive(Debug, Args)]
#[command(
    after_help = "The copy is of one moment and holds everything acknowledged before the command began. It has its name only when it is whole, and only its owner may read it: it holds addresses. While it is made, the write-ahead log of the store grows by what is written meanwhile. The check takes longer than the copy: on a busy machine run it with nice -n 19."
)]
struct CreateArgs {
    /// The file to make, or a folder to make it in, named by the time
    #[arg(long, value_name = "FILE|FOLDER")]
    to: PathBuf,
    /// Folder of the embedded database
    #[arg(
        long,
        value_name = "FOLDER",
        default_value = "./waybill-data",
        env = "WAYBILL_STORE__DATA"
    )]
    data: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Recompute what must hold from a backup, and say what it holds
#[derive(Debug, Args)]
struct VerifyArgs {
    /// The backup
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Make a store of a backup, in a folder that is empty or not there yet
#[derive(Debug, Args)]
#[command(
    after_help = "The store gets a new generation: event cursors given out before are answered 410 generation_changed. Numbers of orders made after the backup are given out again."
)]
struct RestoreArgs {
    /// The backup
    file: PathBuf,
    /// The folder to make the store in
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// Restore it even though something does not add up
    #[arg(long)]
    with_findings: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
#[must_use]
pub fn run(args: &BackupArgs, clock: &dyn Clock) -> ExitCode {
    let now = Time(clock.now_micros());
    match &args.command {
        BackupCommand::Create(args) => create(args, now),
        BackupCommand::Verify(args) => verify(args),
        BackupCommand::Restore(args) => restore(args, now),
    }
}

fn create(args: &CreateArgs, now: Time) -> ExitCode {
    let to = if args.to.is_dir() {
        args.to.join(name_at(now))
    } else {
        args.to.clone()
    };
    let mut stages = stages();
    let made = create_backup(&args.data, &to, now, &mut |stage| show(&mut stages, stage));
    stages.end();
    match made {
        Ok(backup) => tell(&backup, "backed up into", args.json),
        Err(error) => fail_store(&error),
    }
}

fn verify(args: &VerifyArgs) -> ExitCode {
    let mut stages = stages();
    let found = verify_backup(&args.file, &mut |stage| show(&mut stages, stage));
    stages.end();
    match found {
        Ok(backup) => tell(&backup, "backup", args.json),
        Err(error) => fail_store(&error),
    }
}

fn restore(args: &RestoreArgs, now: Time) -> ExitCode {
    let generation = match Entropy::from_os() {
        Ok(entropy) => entropy.uuid_v7(now.0),
        Err(error) => return fail(&error),
    };
    let mut stages = stages();
    let restored = restore_backup(
        &args.file,
        &args.data,
        generation,
        args.with_findings,
        &mut |stage| show(&mut stages, stage),
    );
    stages.end();
    let restored = match restored {
        Ok(restored) => restored,
        Err(error) => return fail_store(&error),
    };
    let kept = restored.report.findings.is_empty() || args.with_findings;
    let what = if kept {
        "restored into"
    } else {
        "not restored into"
    };
    let code = tell(&restored, what, args.json);
    if !kept {
        output::remark(
            "waybill: the backup does not add up, so there is no store; take another one, or restore it as it is with --with-findings",
        );
    } else if !args.json {
        output::line(format!(
            "next: waybill serve --data {}",
            args.data.display()
        ));
    }
    code
}

/// A file name that sorts by time.
fn name_at(now: Time) -> PathBuf {
    let text = now.to_string();
    let seconds = text.get(..19).unwrap_or(&text);
    let digits: String = seconds
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    format!("waybill-{digits}Z.backup").into()
}

fn tell(backup: &Backup, what: &str, json: bool) -> ExitCode {
    if json {
        return print_json(backup, &backup.report);
    }
    output::line(format!("{what} {}", Path::display(&backup.file)));
    let taken = backup.taken_at.map_or_else(
        || "unknown: it is a store's own file".to_owned(),
        |at| at.to_string(),
    );
    output::line(format!("taken at      {taken}"));
    output::line(format!("store         {}", backup.store_id));
    output::line(format!("generation    {}", backup.generation));
    output::line(format!("schema        {:>10}", backup.schema));
    output::line(format!("bytes         {:>10}", backup.bytes));
    print_report(&backup.report)
}

fn stages() -> Stages {
    Stages::new("{msg} {bar:40} {bytes}/{total_bytes}, {eta} left")
}

fn show(stages: &mut Stages, stage: Stage) {
    match stage {
        Stage::Copying(copied) => {
            stages.reached(copied.done, copied.total);
            stages.at("copying");
        }
        Stage::Checking => stages.at("checking the copy"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_in_a_folder_is_named_by_its_time() {
        let name = name_at(Time(1_777_888_800_123_456));
        assert_eq!(name, PathBuf::from("waybill-20260504T100000Z.backup"));
    }
}
