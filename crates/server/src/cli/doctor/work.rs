//! Background work on the store: roles that no process runs, lag, leases that move between processes, parked events,
//! dead letters, stuck orders. Judges what `waybill status` shows.

use std::time::Duration;

use waybill_domain::ids::readable_number;
use waybill_domain::stuck;

use super::check::Check;
use crate::cli::status;
use crate::cli::status::print::lasting;
use crate::cli::status::view::{RoleState, View};
use crate::config::Settings;
use crate::roles::housekeeping::settings::HousekeepingSettings;

/// The time between two reads of the leases. A lease that moved in so short a time moves all the time.
const BETWEEN_LOOKS: Duration = Duration::from_millis(1_500);

/// Reads the store twice, so that leases that move are noticed.
pub async fn look(settings: &Settings) -> Vec<Check> {
    let first = match status::look(settings).await {
        Ok(first) => first,
        Err(error) => {
            let advice = "what works on the store could not be looked at; `waybill status` reads the same tables";
            return vec![Check::bad("roles", error.to_string(), advice)];
        }
    };
    if !first.served {
        let roles = unserved(&first, settings);
        return vec![roles, parked(&first), orders(&first, settings)];
    }
    tokio::time::sleep(BETWEEN_LOOKS).await;
    let second = status::look(settings)
        .await
        .unwrap_or_else(|_| first.clone());
    vec![
        roles(&second),
        lag(&second),
        leases(&first, &second),
        parked(&second),
        orders(&second, settings),
    ]
}

fn unserved(view: &View, settings: &Settings) -> Check {
    let found = "no process works on this store now";
    if settings.database_url().is_none() {
        let advice = "fine while it is stopped; else start `waybill serve` with this folder";
        return Check::warn("roles", found, advice);
    }
    let advice = "start a process with the roles delivery, status and housekeeping: until then orders are taken and go no further";
    if view.unfinished_orders > 0 {
        Check::bad("roles", found, advice)
    } else {
        Check::warn("roles", found, advice)
    }
}

fn roles(view: &View) -> Check {
    const NAME: &str = "roles";
    let missing: Vec<&str> = view
        .roles
        .iter()
        .filter(|role| role.state == RoleState::NobodyRunsIt)
        .map(|role| role.role)
        .collect();
    if missing.is_empty() {
        let alive = view.processes.iter().filter(|p| p.alive).count();
        return Check::ok(NAME, format!("every role is run, by {alive} processes"));
    }
    let found = format!("no process runs {}", missing.join(", "));
    let advice = format!(
        "start one: waybill serve --roles {}; it goes on where the last one stopped",
        missing.join(",")
    );
    let orders_wait = view.unfinished_orders > 0
        && missing
            .iter()
            .any(|r| !matches!(*r, "housekeeping" | "stock-sync"));
    if orders_wait {
        Check::bad(NAME, found, advice)
    } else {
        Check::warn(NAME, found, advice)
    }
}

fn lag(view: &View) -> Check {
    const NAME: &str = "lag";
    let worst = view.roles.iter().max_by_key(|role| role.lag_ms);
    let Some(worst) = worst.filter(|role| stuck::is_behind(role.lag_ms)) else {
        return Check::ok(NAME, "no consumer is behind");
    };
    Check::warn(
        NAME,
        format!(
            "{} is {} behind, with {} events",
            worst.role,
            lasting(worst.lag_ms),
            worst.lag_events
        ),
        "docs/operations.md, A consumer is behind",
    )
}

fn leases(first: &View, second: &View) -> Check {
    const NAME: &str = "leases";
    if let Some(process) = second.processes.iter().find(|process| !process.alive) {
        let found = format!(
            "{} ({}) has been silent for {} beyond its leases",
            process.name,
            process.roles.join(", "),
            lasting(process.silent_ms)
        );
        let advice = "it was killed, or hangs: look at that process; others take over what it held";
        return Check::warn(NAME, found, advice);
    }
    let moved = second.partitions.iter().filter(|now| {
        let mut before = first.partitions.iter();
        before.any(|b| {
            b.consumer == now.consumer && b.partition == now.partition && b.epoch != now.epoch
        })
    });
    let moved = moved.count();
    if moved > 0 {
        let found = format!("{moved} changed hands while this looked");
        let advice =
            "fine while a process joins or leaves; else docs/operations.md, Leases change hands";
        return Check::warn(NAME, found, advice);
    }
    let mut without = second.partitions.iter().filter(|p| !p.held);
    let Some(one) = without.next() else {
        return Check::ok(NAME, "each part has its holder");
    };
    let found = format!(
        "{} parts have no holder, as part {} of {}, which {} held last",
        1 + without.count(),
        one.partition,
        one.consumer,
        one.holder
    );
    Check::warn(
        NAME,
        found,
        "a process that runs the role takes them within seconds; if none does, `waybill status` says which role is missing",
    )
}

fn parked(view: &View) -> Check {
    const NAME: &str = "parked";
    let (waiting, dead) = (view.parked_waiting, view.dead_letters);
    let found = format!("{waiting} events wait for a retry, {dead} are dead letters");
    if dead > 0 {
        let advice = "`waybill dlq list` shows them; docs/operations.md, Dead letters";
        return Check::warn(NAME, found, advice);
    }
    Check::ok(NAME, found)
}

fn orders(view: &View, settings: &Settings) -> Check {
    const NAME: &str = "orders";
    let housekeeping: HousekeepingSettings = settings.section();
    let before = stuck::still_since(view.taken_at, housekeeping.stuck_after_ms.as_i64());
    let unfinished = view.unfinished_orders;
    match &view.oldest_unfinished {
        Some(order) if order.updated_at < before => Check::warn(
            NAME,
            format!(
                "{} ({}) is {} and has not moved for {}; {unfinished} are unfinished",
                readable_number(order.number),
                order.id,
                order.status,
                lasting(order.still_ms)
            ),
            "docs/operations.md, An order is stuck",
        ),
        Some(_) | None => Check::ok(NAME, format!("{unfinished} unfinished, none stuck")),
    }
}
