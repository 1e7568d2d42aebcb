//! `waybill status` for a person: a table per subject, what is wrong in words.

use super::view::{RoleState, RoleView, View};
use waybill_domain::ids::readable_number;

use crate::cli::output;

/// Prints all of it.
pub fn print(view: &View) {
    output::line(format!("{}, at {}", view.store, view.taken_at));
    output::line("");
    processes(view);
    output::line("");
    roles(view);
    output::line("");
    partitions(view);
    output::line("");
    output::line(format!(
        "parked events {} waiting, {} dead letters",
        view.parked_waiting, view.dead_letters
    ));
    let unfinished = view.unfinished_orders;
    output::line(match &view.oldest_unfinished {
        Some(order) => format!(
            "orders        {unfinished} unfinished; {} ({}) is {} and has not moved for {}",
            readable_number(order.number),
            order.id,
            order.status,
            lasting(order.still_ms)
        ),
        None => format!("orders        {unfinished} unfinished; none stands still"),
    });
}

fn processes(view: &View) {
    if view.processes.is_empty() || !view.served {
        output::line("no process works on this store in the background");
        return;
    }
    let rows: Vec<Vec<String>> = view
        .processes
        .iter()
        .map(|process| {
            let since = process.started_at.map(|at| view.taken_at.ms_since(at));
            let state = if process.alive {
                "alive".to_owned()
            } else {
                format!("silent for {}", lasting(process.silent_ms))
            };
            vec![
                process.name.clone(),
                state,
                process.roles.join(","),
                process.partitions.to_string(),
                since.map_or_else(String::new, lasting),
            ]
        })
        .collect();
    let titles = ["process", "state", "roles", "leases", "age"];
    output::line(output::table(&titles, &rows));
}

fn roles(view: &View) {
    let rows: Vec<Vec<String>> = view.roles.iter().map(role).collect();
    let titles = ["role", "state", "processes", "parts", "lag", "oldest"];
    output::line(output::table(&titles, &rows));
}

fn role(role: &RoleView) -> Vec<String> {
    vec![
        role.role.to_owned(),
        state(role.state).to_owned(),
        role.processes.to_string(),
        format!("{}/{}", role.partitions_held, role.partitions),
        role.lag_events.to_string(),
        lasting(role.lag_ms),
    ]
}

fn state(state: RoleState) -> &'static str {
    match state {
        RoleState::Ok => "ok",
        RoleState::NobodyRunsIt => "nobody runs it",
        RoleState::PartsWithoutHolder => "parts without holder",
    }
}

/// Partitions of a consumer that one process holds are one line.
fn partitions(view: &View) {
    let mut rows: Vec<(String, String, Vec<u16>)> = vec![];
    for partition in &view.partitions {
        let holder = if partition.held {
            partition.holder.clone()
        } else {
            format!("nobody (last {})", partition.holder)
        };
        let same = rows
            .iter_mut()
            .find(|(consumer, by, ..)| *consumer == partition.consumer && *by == holder);
        match same {
            Some((_, _, partitions)) => partitions.push(partition.partition),
            None => {
                let consumer = partition.consumer.clone();
                rows.push((consumer, holder, vec![partition.partition]));
            }
        }
    }
    if rows.is_empty() {
        output::line("no part of the log was ever taken");
        return;
    }
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|(consumer, holder, partitions)| vec![consumer, ranges(&partitions), holder])
        .collect();
    output::line(output::table(&["consumer", "parts", "holder"], &rows));
}

/// `0-3,7`: numbers that follow each other are one range.
fn ranges(partitions: &[u16]) -> String {
    let mut ranges: Vec<(u16, u16)> = vec![];
    for partition in partitions {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *partition => *last = *partition,
            _ => ranges.push((*partition, *partition)),
        }
    }
    let shown = ranges.iter().map(|(first, last)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    });
    shown.collect::<Vec<_>>().join(",")
}

/// A time in its two largest units.
pub fn lasting(ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_follow_each_other_are_one_range() {
        assert_eq!(ranges(&[0, 1, 2, 3, 7, 9, 10]), "0-3,7,9-10");
        assert_eq!(ranges(&[5]), "5");
    }

    #[test]
    fn a_time_is_told_in_its_two_largest_units() {
        assert_eq!(lasting(59_999), "59 s");
        assert_eq!(lasting(61_000), "1 min 1 s");
        assert_eq!(lasting(7_380_000), "2 h 3 min");
        assert_eq!(lasting(90_000_000), "1 d 1 h");
    }
}
