//! `waybill migrate --restored` and `--nothing-lost`: after a restore or a failover of PostgreSQL, a person says which
//! of the two it was.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use waybill_store::postgres::{self, NewIncarnation};

use super::{fail, fail_with, output};
use crate::backend;
use crate::clock::Clock;
use crate::config::Settings;
use crate::random::Entropy;

#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct AcceptArgs {
    /// This database was restored from a backup, or lost its newest orders at a failover: give it a new generation,
    /// so that event cursors given out before are answered 410, and set its counters behind what it holds. Refused
    /// while a process is connected. PostgreSQL only
    #[arg(long, conflicts_with = "from")]
    restored: bool,
    /// This database was moved, or failed over to a standby that commits waited for: nothing is missing, do not warn
    /// about its new line of history any more. PostgreSQL only
    #[arg(long, conflicts_with = "from")]
    nothing_lost: bool,
}

/// What is said about the database.
#[derive(Clone, Copy, Debug)]
pub enum Accepted {
    Restored,
    NothingLost,
}

impl AcceptArgs {
    pub fn what(&self) -> Option<Accepted> {
        match (self.restored, self.nothing_lost) {
            (true, _) => Some(Accepted::Restored),
            (_, true) => Some(Accepted::NothingLost),
            _ => None,
        }
    }
}

/// Does what was said to the database.
pub async fn run(
    what: Accepted,
    settings: &Settings,
    clock: &dyn Clock,
    entropy: &Entropy,
    as_json: bool,
) -> ExitCode {
    let Some(options) = backend::shared(settings) else {
        let advice = "this is for PostgreSQL, and no address was given (DATABASE_URL or store.url); the embedded store gets its new generation from `waybill backup restore`";
        return fail_with(advice);
    };
    match what {
        Accepted::Restored => {
            let mut new_id = || entropy.uuid_v7(clock.now_micros());
            match postgres::begin_new_incarnation(&options, &mut new_id).await {
                Ok(life) => tell(&life, as_json),
                Err(error) => return fail(&error),
            }
        }
        Accepted::NothingLost => match postgres::accept_lineage(&options).await {
            Ok(change) if as_json => output::json(&json!({"accepted": change})),
            Ok(Some(change)) => output::line(format!("accepted: {change}")),
            Ok(None) => output::line("nothing was different"),
            Err(error) => return fail(&error),
        },
    }
    ExitCode::SUCCESS
}

fn tell(life: &NewIncarnation, as_json: bool) {
    let (from, to) = (life.migrated.from, life.migrated.to);
    if as_json {
        let moved = life.moved.iter();
        let moved: Vec<_> = moved
            .map(|c| json!({"name": c.name, "from": c.from, "to": c.to}))
            .collect();
        output::json(&json!({
            "generation": life.generation, "former": life.former, "moved": moved, "from": from, "to": to,
        }));
        return;
    }
    output::line(format!("schema        {from} → {to}"));
    output::line(format!(
        "generation    {} (was {}): event cursors given out before are answered 410",
        life.generation, life.former
    ));
    for counter in &life.moved {
        let (name, from, to) = (&counter.name, counter.from, counter.to);
        output::line(format!("counter       {name} {from} → {to}"));
    }
    if life.moved.is_empty() {
        output::line("counters      none was behind");
    }
    output::line("now: waybill verify, then waybill serve");
}
