//! For tests only: what a test needs to attack the real binary and to judge what is left of it.
//!
//! * [`server`] starts, kills, freezes and restarts the unmodified binary on a folder of its own.
//! * [`shim`] is a disk under it that loses power, fills up and fails.
//! * [`http`] and [`token`] speak to it as any client would, [`raw`] as no proper one does; [`contract`] holds every
//!   answer against the published specification.
//! * [`traffic`] places orders, many at once, and writes every attempt and every answer into a
//!   [`journal`]; [`checker`] holds that journal against what the system says afterwards.
//! * [`ordeal`] puts these together: traffic, kills at random moments, a verdict.
//! * [`siege`] does so for several processes on one database, under faults of any kind;
//!   [`clerks`] book stock meanwhile.
//! * [`postgres`] is a real server for a run, with a database per test, or for one test to break;
//!   [`guarded`] sees to it that it ends with the test, [`unavailable`] to it that a missing one is seen.
//! * [`pgbouncer`] stands in front of it, as it does where connections are pooled; [`nginx`] in front of Waybill.
//! * [`brokers`] are real message brokers, one for each test program.
//! * [`redis`] is what processes share beside their database.
//! * [`proxy`] is a wire that can be cut, at a named moment of the conversation.
//! * [`ports`] finds a free port for each of them.
//! * [`seed`] is where a run's randomness comes from, so that a failing run can be run again.
//!
//! Nothing here links the server: the front door is the only way in, as it is for users.

pub mod answer;
pub mod brokers;
pub mod checker;
pub mod clerks;
pub mod contract;
pub mod guarded;
pub mod http;
pub mod journal;
pub mod nginx;
pub mod ordeal;
pub mod pgbouncer;
pub mod ports;
pub mod postgres;
pub mod proxy;
pub mod raw;
pub mod redis;
pub mod seed;
pub mod server;
pub mod shim;
pub mod siege;
pub mod token;
pub mod traffic;
pub mod unavailable;
pub mod vendor;
