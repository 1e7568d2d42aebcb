//! Two and two processes under siege, one of each kind on a wire of its own that can be held: the one that is killed.
//!
//! Owns the killing at a moment that is named by what is on the wire. Invariant: nothing passes on the wire from the
//! moment until the process is dead, so it dies there and nowhere else.

use std::fmt;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use waybill_testkit::checker::{Enough, Verdict};
use waybill_testkit::postgres::{Database, Postgres};
use waybill_testkit::proxy::{Cut, Proxy};
use waybill_testkit::seed;
use waybill_testkit::server::Fleet;
use waybill_testkit::siege::Siege;
use waybill_testkit::traffic::Load;
use waybill_testkit::unavailable::or_skip;

use crate::fleet::start;

const READY_WITHIN: Duration = Duration::from_secs(30);
/// A lease that ran out, and a joining that waits for it, are within it.
const HIT_WITHIN: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(5);
const CLERKS: u64 = 2;
/// New ones, in a round of the points.
const ORDERS: u64 = 20_000;

/// How often it dies at each point.
fn rounds() -> usize {
    if seed::long_form() { 20 } else { 2 }
}

/// The process that is killed.
#[derive(Debug, Clone, Copy)]
pub enum Member {
    Api,
    Worker,
}

impl Member {
    /// Its place in a fleet of two and two.
    fn place(self) -> usize {
        match self {
            Self::Api => 0,
            Self::Worker => 2,
        }
    }

    /// Dies when it has sent this, before the server receives it.
    pub const fn asked(self, said: &'static str) -> Point {
        Point {
            member: self,
            said,
            answered: None,
            arrives: false,
            doing: Doing::Working,
        }
    }

    /// Dies when this was sent and carried out, before it receives the answer, which has these words.
    pub const fn answered(self, said: &'static str, answered: &'static str) -> Point {
        Point {
            member: self,
            said,
            answered: Some(answered),
            arrives: false,
            doing: Doing::Working,
        }
    }
}

/// What brings a process to the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Working,
    /// It was killed before, and has just been started again.
    Joining,
    /// It was asked to stop.
    Leaving,
}

/// Where a process dies.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    member: Member,
    said: &'static str,
    answered: Option<&'static str>,
    /// Whether what was said reaches the database after its sender has died.
    arrives: bool,
    doing: Doing,
}

impl Point {
    pub const fn and_it_is_lost(self) -> Self {
        Self {
            arrives: false,
            ..self
        }
    }

    pub const fn and_it_arrives(self) -> Self {
        Self {
            arrives: true,
            ..self
        }
    }

    pub const fn joining(self) -> Self {
        Self {
            doing: Doing::Joining,
            ..self
        }
    }

    pub const fn leaving(self) -> Self {
        Self {
            doing: Doing::Leaving,
            ..self
        }
    }

    fn cut(&self) -> Cut {
        let said = self.said.into();
        match self.answered {
            None => Cut::Hold { said },
            Some(answered) => Cut::HoldAnswer {
                said,
                answered: answered.into(),
            },
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.said)?;
        let way = if self.arrives { "arrives" } else { "is lost" };
        match self.answered {
            None => write!(f, " on its way, which {way}")?,
            Some(answered) => write!(f, " answered with {:?}", answered.trim_end_matches('\0'))?,
        }
        match self.doing {
            Doing::Working => Ok(()),
            Doing::Joining => f.write_str(", as it joins"),
            Doing::Leaving => f.write_str(", as it leaves"),
        }
    }
}

/// A siege, and the wires of those that are killed.
struct Wired {
    siege: Siege,
    api: Proxy,
    worker: Proxy,
    database: Database,
}

/// The result of a run over some points.
pub struct Outcome {
    pub verdict: Verdict,
    /// The points that no process reached.
    pub never: Vec<String>,
    database: Database,
}

/// Dies at each of the points, and all of it is judged green.
pub async fn at_each(points: &[Point]) {
    let Some(outcome) = dying_at(points, "").await else {
        return;
    };
    let Outcome { verdict, never, .. } = outcome;
    assert!(verdict.is_green(), "{verdict}");
    assert!(
        never.is_empty(),
        "inconclusive: no process reached {never:#?}"
    );
    assert_eq!(outcome.database.deadlocks(), Vec::<String>::new());
}

/// Dies at each of the points; `defect` is planted in every process.
pub async fn dying_at(points: &[Point], defect: &str) -> Option<Outcome> {
    let mut wired = Wired::lay(defect).await?;
    let times = points.len() * rounds();
    let mut never = Vec::new();
    for point in points.iter().cycle().take(times) {
        if !wired.dies_at(point).await {
            never.push(point.to_string());
        }
    }
    let hit = times - never.len();
    println!("{hit} of {times} times the point was come to and died at");
    let enough = Enough {
        orders: 150,
        faults: times / 2,
    };
    Some(Outcome {
        verdict: wired.siege.judged(enough).await,
        never,
        database: wired.database,
    })
}

impl Wired {
    async fn lay(defect: &str) -> Option<Self> {
        let server = or_skip(Postgres::shared())?;
        let database = server.database(None).expect("a database");
        let wire = || Proxy::to(server.socket().expect("an address")).expect("a proxy");
        let (api, worker) = (wire(), wire());
        let through = |wire: &Proxy| {
            let url = server.url_via(wire.address(), database.name());
            url.expect("an address")
        };
        let direct = database.url();
        let fleet = Fleet::ready(2, 2, |name, roles| {
            let url = match name {
                "api-1" => through(&api),
                "worker-1" => through(&worker),
                _ => direct.clone(),
            };
            // Every statement carries its text, and with it its name.
            start(&url, roles)
                .env("WAYBILL_STORE__UNNAMED_STATEMENTS", "true")
                .env("WAYBILL_TEST_DEFECT", defect)
        });
        let fleet = fleet.await.expect("every process starts");
        let load = Load {
            clients: 16,
            pause_ms: 100,
            // More than come in that time.
            orders: ORDERS * rounds() as u64,
        };
        let siege = Siege::lay(fleet, seed::of_this_run(), load).await;
        let mut siege = siege.expect("orders come");
        siege.with_clerks(CLERKS);
        Some(Self {
            siege,
            api,
            worker,
            database,
        })
    }

    /// Waits until a worker has something to hand back.
    async fn has_parts(&self, place: usize) {
        let app = &self.siege.fleet.members[place].app;
        let has_some = async {
            while app.metric("waybill_consumer_parts").await.expect("metrics") == 0 {
                sleep(POLL).await;
            }
        };
        let joined = timeout(HIT_WITHIN, has_some).await;
        joined.expect("a worker gets its share");
    }

    /// Whether it came there; then it has died there and its successor is ready.
    async fn dies_at(&mut self, point: &Point) -> bool {
        let place = point.member.place();
        self.siege.let_it_work(0..50).await.expect("orders go on");
        if point.doing == Doing::Joining {
            self.siege
                .kill_at(place, "a random moment")
                .await
                .expect("it ran");
        }
        if point.doing == Doing::Leaving {
            self.has_parts(place).await;
        }
        let wire = match point.member {
            Member::Api => &self.api,
            Member::Worker => &self.worker,
        };
        let hits = wire.hits();
        wire.arm(point.cut(), 1).expect("a pattern");
        let app = &mut self.siege.fleet.members[place].app;
        match point.doing {
            Doing::Working => {}
            Doing::Joining => app.begin().expect("it starts"),
            Doing::Leaving => app.ask_to_stop().expect("it runs"),
        }
        let came = timeout(HIT_WITHIN, wire.hit(hits + 1)).await.is_ok();
        wire.disarm();
        if came {
            self.siege
                .kill_at(place, &point.to_string())
                .await
                .expect("it ran");
            if point.arrives {
                wire.deliver_what_is_held().await;
            } else {
                wire.lose_what_is_held().await;
            }
        } else if point.doing == Doing::Leaving {
            self.siege.fleet.members[place]
                .app
                .stop()
                .await
                .expect("it ends");
        }
        let app = &mut self.siege.fleet.members[place].app;
        if !app.is_running() {
            app.begin().expect("it starts");
        }
        self.siege.recovers(READY_WITHIN).await;
        came
    }
}
