//! `waybill verify`: recomputes every invariant from the tables, also beside a running server.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use waybill_store::verify::{Finding, Report, compare};
use waybill_store::{Error as StoreError, postgres, sqlite};

use super::config::SettingsArgs;
use super::exit::Exit;
use super::repair;
use super::{fail, fail_config, fail_store, output};
use crate::backend;
use crate::config::Settings;

/// Events that were under way at the first look have arrived at the second.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// Recompute what must hold from the tables and the log, and print what does not add up
#[derive(Debug, Args)]
#[command(
    after_help = "Reads one snapshot, also beside a running server. --repair writes, as `waybill stock reconcile` does over HTTP: with the embedded store, stop its server first. It mends no order, and no stock row of which an order is damaged. Exit code 0: everything adds up, or a discarded event explains what does not; 6: something does not; 5: the database does not answer; 1: another failure.\n\nExamples:\n  waybill verify\n  waybill verify --data /var/lib/waybill --json\n  waybill verify --repair\n  waybill verify --data ./waybill-data/order-service --against ./waybill-data/delivery-service\n  DATABASE_URL=postgres://waybill@db/waybill waybill verify"
)]
pub struct VerifyArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// The store of the other service, to compare with: a data folder, or the address of a database
    #[arg(long, value_name = "STORE")]
    against: Option<String>,
    /// Reconcile the stock rows that do not add up, where that is safe, and look again
    #[arg(long, conflicts_with = "against")]
    repair: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: VerifyArgs) -> ExitCode {
    let sources = args.settings.sources();
    let settings = match sources.and_then(|sources| Settings::load(&sources)) {
        Ok(settings) => settings,
        Err(errors) => return fail_config(&errors),
    };
    // The same store as a server with these settings would open.
    let shared = backend::shared(&settings);
    let place = shared.as_ref().map_or_else(
        || settings.store.data.clone(),
        |_| "the PostgreSQL database that is configured".to_owned(),
    );
    let mut report = verified(&settings).await;
    if args.repair
        && let Ok(found) = &report
        && !found.stock_rows.is_empty()
    {
        match repair::reconcile(&settings, &found.stock_rows).await {
            Ok(told) => told.iter().for_each(output::remark),
            Err(error) => return fail_store(&error),
        }
        report = verified(&settings).await;
    }
    let compared = match (&args.against, &report) {
        (Some(other), Ok(_)) => compared(&settings, other).await,
        (None, _) | (_, Err(_)) => Ok(vec![]),
    };
    let report = report.and_then(|mut report| {
        report.findings.extend(compared?);
        Ok(report)
    });
    let report = match report {
        Ok(report) => report,
        Err(error) => return fail_store(&error),
    };
    if args.json {
        print_json(&report, &report)
    } else {
        output::line(format!("of {place}"));
        if args.against.is_some() {
            output::line("compared with the store of the other service");
        }
        print(&report)
    }
}

/// Verifies the store that a server with these settings would open.
async fn verified(settings: &Settings) -> Result<Report, StoreError> {
    match backend::shared(settings) {
        Some(options) => postgres::open_for_verify(&options).await,
        None => sqlite::open_for_verify(settings.store.data.as_ref()),
    }
}

/// What does not agree between this store and the other service's. Stores in use are read one after the other, so what is
/// found must still be there at a second look.
async fn compared(settings: &Settings, other: &str) -> Result<Vec<Finding>, StoreError> {
    let first = look(settings, other).await?;
    if first.is_empty() {
        return Ok(first);
    }
    tokio::time::sleep(SECOND_LOOK).await;
    let second = look(settings, other).await?;
    Ok(second
        .into_iter()
        .filter(|finding| first.contains(finding))
        .collect())
}

async fn look(settings: &Settings, other: &str) -> Result<Vec<Finding>, StoreError> {
    let own = match backend::shared(settings) {
        Some(options) => postgres::side(&options).await?,
        None => sqlite::side(settings.store.data.as_ref())?,
    };
    let is_address = ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| other.starts_with(scheme));
    let other = if is_address {
        postgres::side(&backend::shared_at(settings, other)).await?
    } else {
        sqlite::side(other.as_ref())?
    };
    Ok(compare(&own, &other))
}

/// Prints `shown`, which contains `report`; the exit code says whether everything adds up.
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
    Exit::from(report.findings.is_empty()).into()
}

/// Prints what was checked and what does not add up.
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
    output::line(format!("archived      {:>10}", c.archived));
    output::line(format!("reservations  {:>10}", c.reservations));
    output::line(format!("stock rows    {:>10}", c.stock_rows));
    output::line(format!("claims        {:>10}", c.claims));
    for explained in &report.explained {
        output::line(format!(
            "explained  {}; {}",
            finding_line(&explained.finding),
            explained.explanation
        ));
    }
    for finding in &report.findings {
        output::line(finding_line(finding));
    }
    let references: BTreeSet<String> = report
        .findings
        .iter()
        .filter_map(Finding::reference)
        .collect();
    let references: Vec<String> = references.into_iter().collect();
    let advice = "keep the data as they are, and see what to do";
    output::line(match (report.findings.len(), report.explained.len()) {
        (0, 0) => "everything adds up".to_owned(),
        (0, _) => "everything else adds up; nothing is to be done".to_owned(),
        (1, _) => format!(
            "1 thing does not add up; {advice}: {}",
            references.join(", ")
        ),
        (n, _) => format!(
            "{n} things do not add up; {advice}: {}",
            references.join(", ")
        ),
    });
    exit_code(report)
}

fn finding_line(finding: &Finding) -> String {
    format!(
        "{}  {}: {}",
        finding.invariant, finding.subject, finding.detail
    )
}
