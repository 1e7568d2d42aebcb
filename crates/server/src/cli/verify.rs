//! `waybill verify`: recomputes every invariant from the tables, also beside a running server.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use waybill_store::sqlite::open_for_verify;
use waybill_store::verify::Report;

use super::fail;

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
        let body = serde_json::json!({"ok": report.findings.is_empty(), "findings": report.findings, "counts": report.counts});
        println!("{body:#}");
    } else {
        print(&report);
    }
    if report.findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn print(report: &Report) {
    let c = &report.counts;
    println!(
        "orders        {:>10}   of them unfinished {}",
        c.orders, c.unfinished
    );
    println!(
        "shipments     {:>10}   with a timer {}",
        c.shipments, c.timers
    );
    println!("events        {:>10}   parked {}", c.events, c.parked);
    println!("reservations  {:>10}", c.reservations);
    println!("stock rows    {:>10}", c.stock_rows);
    println!("claims        {:>10}", c.claims);
    for finding in &report.findings {
        println!(
            "{}  {}: {}",
            finding.invariant, finding.subject, finding.detail
        );
    }
    match report.findings.len() {
        0 => println!("everything adds up"),
        n => println!(
            "{n} things do not add up; keep the data folder as it is and see docs/guarantees.md for what each invariant means"
        ),
    }
}
