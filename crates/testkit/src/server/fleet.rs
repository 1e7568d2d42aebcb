//! Several processes on one database: some take orders, some run the consumers.
//!
//! Owns the processes by name. Invariant: the schema is there before the first of them starts, and a member
//! keeps its name and its address over all its restarts. Which of them is struck, and how, is for the test.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Start, Waybill};

const API: &str = "api";
const WORKER: &str = "delivery,status,housekeeping";

/// One process of a fleet.
pub struct Member {
    /// `api-1`, `worker-2`.
    pub name: String,
    pub app: Waybill,
}

/// All processes on one database.
pub struct Fleet {
    /// Those that take orders come first.
    pub members: Vec<Member>,
    apis: usize,
}

impl Fleet {
    /// Brings the database up to date and starts so many processes of each kind; ready when all are.
    /// `start` says how a process with these roles is started.
    pub async fn ready(
        apis: usize,
        workers: usize,
        start: impl Fn(&str, &str) -> Start,
    ) -> Result<Self> {
        ensure!(apis > 0, "somebody has to take orders");
        let named = |kind: &str, roles, count| {
            let names = (1..=count).map(|n| format!("{kind}-{n}"));
            let member = |name: String| {
                let app = start(&name, roles).prepared()?;
                Ok(Member { name, app })
            };
            names.map(member).collect::<Result<Vec<_>>>()
        };
        let mut members = named("api", API, apis)?;
        members.extend(named("worker", WORKER, workers)?);
        let mut fleet = Self { members, apis };
        fleet.api().migrate().await?;
        for member in &mut fleet.members {
            member.app.start().await?;
        }
        Ok(fleet)
    }

    /// A member that takes orders, for reading the store.
    pub fn api(&self) -> &Waybill {
        &self.members[0].app
    }

    pub fn workers(&mut self) -> &mut [Member] {
        &mut self.members[self.apis..]
    }

    /// Where orders are taken.
    pub fn doors(&self) -> Vec<SocketAddr> {
        let apis = self.members[..self.apis].iter();
        apis.map(|member| member.app.address()).collect()
    }

    /// Waits until every process answers that it is ready.
    pub async fn is_ready(&mut self, within: Duration) -> Result<()> {
        for member in &mut self.members {
            let ready = member.app.ready_again(within).await;
            ready.with_context(|| member.name.clone())?;
        }
        Ok(())
    }

    /// What all of them printed last, under their names.
    pub fn output(&self) -> String {
        let said = self.members.iter();
        said.map(|m| format!("===== {}\n{}", m.name, m.app.output()))
            .collect()
    }

    /// How far the consumers of all members are behind, in places of the log.
    pub async fn lag(&self) -> Result<i64> {
        let mut lag = 0;
        for member in &self.members[self.apis..] {
            lag += member.app.metric("waybill_consumer_lag_events").await?;
        }
        Ok(lag)
    }
}
