//! The state of a store at one moment, for a person, for `--json`, and for `waybill doctor`.

use serde::Serialize;
use waybill_domain::parked::ParkedState;
use waybill_domain::time::Time;
use waybill_store::status::{Holding, Parked, Progress, Status};

use crate::consumers::owner::{self, Owner};
use crate::roles;
use crate::roles::definition::{Consumer, RoleDefinition, Share};

/// Which processes have the store open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// A shared store: the processes that are registered in its tables.
    ByMany,
    /// The one process that has the embedded store.
    By(u32),
    /// No process has the embedded store open; entries in its tables are of processes that have ended.
    ByNone,
}

/// The whole of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    pub store: String,
    pub taken_at: Time,
    /// Whether any process works on the store, as far as it can be seen.
    pub served: bool,
    pub processes: Vec<Process>,
    pub roles: Vec<RoleView>,
    pub partitions: Vec<Partition>,
    pub parked_waiting: i64,
    pub dead_letters: i64,
    pub unfinished_orders: i64,
    pub oldest_unfinished: Option<Still>,
}

/// A process that works in the background.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    pub name: String,
    pub owner: String,
    pub roles: Vec<&'static str>,
    pub alive: bool,
    /// Milliseconds since its leases expired; 0 while it is alive.
    pub silent_ms: i64,
    pub partitions: usize,
    pub started_at: Option<Time>,
}

/// How a state reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleState {
    Ok,
    /// No process runs it.
    NobodyRunsIt,
    /// Processes run it, and some partition of the log is held by none of them.
    PartsWithoutHolder,
}

/// A role with a consumer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleView {
    pub role: &'static str,
    pub state: RoleState,
    pub processes: usize,
    pub partitions_held: usize,
    pub partitions: usize,
    pub lag_events: i64,
    pub lag_ms: i64,
}

/// A consumer's partition and who holds it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Partition {
    pub consumer: String,
    pub partition: u16,
    pub held: bool,
    /// Who holds it, or held it last.
    pub holder: String,
    pub epoch: i64,
    pub until: Time,
    pub lag_events: i64,
    pub lag_ms: i64,
}

/// An order that is not done, not on hold, and does not wait for stock.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Still {
    pub id: String,
    pub number: i64,
    pub status: String,
    pub updated_at: Time,
    pub still_ms: i64,
}

/// The role that has a consumer.
fn role_of(consumer: &str) -> Option<&'static RoleDefinition> {
    let mut roles = roles::ALL.iter().copied();
    roles.find(|role| role.consumers.iter().any(|c| c.name == consumer))
}

impl View {
    /// Of a look at a store.
    #[must_use]
    pub fn of(status: &Status, served: Served) -> Self {
        let look = Look { status, served };
        let of_dead = |p: &&Parked| p.state == ParkedState::Dead;
        let dead: i64 = status.parked.iter().filter(of_dead).map(|p| p.count).sum();
        let all: i64 = status.parked.iter().map(|p| p.count).sum();
        let processes = look.processes();
        Self {
            store: status.engine.clone(),
            taken_at: status.taken_at,
            served: match served {
                Served::ByMany => processes.iter().any(|process| process.alive),
                Served::By(_) => true,
                Served::ByNone => false,
            },
            processes,
            roles: roles::ALL
                .iter()
                .filter_map(|role| look.role(role))
                .collect(),
            partitions: look.partitions(),
            parked_waiting: all - dead,
            dead_letters: dead,
            unfinished_orders: status.unfinished.count,
            oldest_unfinished: status.unfinished.oldest.as_ref().map(|order| Still {
                id: order.id.clone(),
                number: order.number,
                status: order.status.clone(),
                updated_at: order.updated_at,
                still_ms: status.taken_at.ms_since(order.updated_at).max(0),
            }),
        }
    }
}

struct Look<'a> {
    status: &'a Status,
    served: Served,
}

impl Look<'_> {
    fn counts(&self, until: Time) -> bool {
        self.served != Served::ByNone && until > self.status.taken_at
    }

    fn holds(&self, lease: &Holding) -> bool {
        self.counts(lease.until)
    }

    fn processes(&self) -> Vec<Process> {
        let mut processes: Vec<Process> = vec![];
        for member in &self.status.members {
            if processes
                .last()
                .is_none_or(|last| last.owner != member.owner)
            {
                processes.push(self.process(&member.owner));
            }
            let Some(process) = processes.last_mut() else {
                continue;
            };
            process.alive |= self.counts(member.until);
            let silent_ms = self.status.taken_at.ms_since(member.until).max(0);
            process.silent_ms = process.silent_ms.max(silent_ms);
            if let Some(role) = role_of(&member.consumer)
                && !process.roles.contains(&role.name)
            {
                process.roles.push(role.name);
            }
        }
        processes
    }

    /// Without what its members say.
    fn process(&self, owner: &str) -> Process {
        let parsed = Owner::parse(owner);
        let leases = self.status.leases.iter();
        Process {
            name: owner::short(owner),
            owner: owner.to_owned(),
            roles: vec![],
            alive: false,
            silent_ms: 0,
            partitions: leases.filter(|l| l.owner == owner && self.holds(l)).count(),
            started_at: parsed.map(|owner| Time(owner.started_ms() * 1_000)),
        }
    }

    /// `None` for a role that answers requests only.
    fn role(&self, role: &RoleDefinition) -> Option<RoleView> {
        let Consumer {
            name: consumer,
            share,
        } = *role.consumers.first()?;
        let partitions = match share {
            Share::Partitions => usize::from(self.status.partitions),
            Share::Whole => 1,
        };
        let members = self.status.members.iter();
        let processes = members
            .filter(|m| m.consumer == consumer && self.counts(m.until))
            .count();
        let leases = self.status.leases.iter();
        let partitions_held = leases
            .filter(|l| l.consumer == consumer && self.holds(l))
            .count();
        let state = if processes == 0 {
            RoleState::NobodyRunsIt
        } else if partitions_held < partitions {
            RoleState::PartsWithoutHolder
        } else {
            RoleState::Ok
        };
        let never_ran = self.status.leases.iter().all(|l| l.consumer != consumer);
        if role.optional && processes == 0 && never_ran {
            return None;
        }
        let progress = self.status.progress.iter();
        let lags = progress
            .filter(|p| p.consumer == consumer)
            .map(|p| self.lag(p));
        let (lag_events, lag_ms) = lags.fold((0, 0), |(events, ms): (i64, i64), lag| {
            (events + lag.0, ms.max(lag.1))
        });
        Some(RoleView {
            role: role.name,
            state,
            processes,
            partitions_held,
            partitions,
            lag_events,
            lag_ms,
        })
    }

    /// Positions of the log that were not passed, and the age in milliseconds of the oldest event among them.
    fn lag(&self, progress: &Progress) -> (i64, i64) {
        let events = (progress.head - progress.cursor).max(0);
        let ms = progress
            .oldest_waiting
            .map_or(0, |at| self.status.taken_at.ms_since(at).max(0));
        (events, ms)
    }

    fn partitions(&self) -> Vec<Partition> {
        let leases = self.status.leases.iter();
        leases
            .map(|lease| {
                let progress = self.status.progress.iter();
                let of_it =
                    |p: &&Progress| p.consumer == lease.consumer && p.partition == lease.partition;
                let (lag_events, lag_ms) =
                    progress.clone().find(of_it).map_or((0, 0), |p| self.lag(p));
                Partition {
                    consumer: lease.consumer.clone(),
                    partition: lease.partition,
                    held: self.holds(lease),
                    holder: owner::short(&lease.owner),
                    epoch: lease.epoch,
                    until: lease.until,
                    lag_events,
                    lag_ms,
                }
            })
            .collect()
    }
}
