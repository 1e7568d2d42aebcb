//! `waybill verify`: recomputes every invariant from the tables, also beside a running server.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use waybill_store::sqlite::open_for_verify;
use waybill_store::verify::Report;

use super::{fail, output};

/// Recompute what must hold from the tables and the log, and print what does not add up
#[derive(Debug, Args)]
#[command(
    after_help = "Reads one snapshot, also beside a running server. Exit code 0: everything adds up; 1: something does not.\n\nExamples:\n  waybill verify\n  waybill verify --data /var/lib/waybill --json"
)]
pub struct VerifyArgs {
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

/// Runs the command.
#[must_use]
pub fn run(args: &VerifyArgs) -> ExitCode {
    let report = match open_for_verify(&args.data) {
        Ok(report) => report,
        Err(error) => return fail(&error),
    };
    if args.json {
        print_json(&report, &report)
    } else {
        print(&report)
    }
}

/// Prints `shown`, which says what `report` found and perhaps more, and whether it adds up.
pub(super) fn print_json(shown: &impl Serialize, report: &Report) -> ExitCode {
    match serde_json::to_value(shown) {
        Ok(mut body) => {
            body["ok"] = report.findings.is_empty().into();
            output::json(&body);
            exit_code(report)
        }
        Err(error) => fail(&error),
    }
}

fn exit_code(report: &Report) -> ExitCode {
    if report.findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Prints what was looked at and what does not add up.
pub(super) fn print(report: &Report) -> ExitCode {
    let c = &report.counts;
    output::line(format!(
        "orders        {:>10}   of them unfinished {}",
        c.orders, c.unfinished
    ));
    output::line(format!(
        "shipments     {:>10}   with a timer {}",
        c.shipments, c.timers
    ));
    output::line(format!(
        "events        {:>10}   parked {}",
        c.events, c.parked
    ));
    output::line(format!("reservations  {:>10}", c.reservations));
    output::line(format!("stock rows    {:>10}", c.stock_rows));
    output::line(format!("claims        {:>10}", c.claims));
    for finding in &report.findings {
        output::line(format!(
            "{}  {}: {}",
            finding.invariant, finding.subject, finding.detail
        ));
    }
    match report.findings.len() {
        0 => output::line("everything adds up"),
        n => output::line(format!(
            "{n} things do not add up; keep the data folder as it is and see docs/guarantees.md for what each invariant means"
        )),
    }
    exit_code(report)
}
