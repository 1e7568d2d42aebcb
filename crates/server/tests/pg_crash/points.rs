//! kill -9 at named points: the process dies when a certain statement of it, or the answer to one, is on its way.
//!
//! Owns the points, each one a statement by the name that it carries. Invariant: a point that the process never reached
//! makes the run inconclusive; it is never counted as survived.

use crate::wired::{Member, Point, at_each};
#[cfg(feature = "planted-defects")]
use crate::wired::{Outcome, dying_at};

const API: Member = Member::Api;
const WORKER: Member = Member::Worker;

/// Accepting: claims, numbers and stock in the first flush, rows, log and COMMIT in the last one.
const ACCEPT: &[Point] = &[
    API.asked("/* claims::take */").and_it_is_lost(),
    API.asked("/* claims::take */").and_it_arrives(),
    API.answered("/* claims::take */", "INSERT 0 "),
    API.asked("/* claims::holders */").and_it_is_lost(),
    API.answered("/* claims::holders */", "SELECT "),
    API.asked("/* accept::orders */").and_it_is_lost(),
    API.asked("/* accept::orders */").and_it_arrives(),
    API.answered("/* accept::orders */", "COMMIT\0"),
    API.asked("/* notify::tell */").and_it_is_lost(),
];

/// A command (a cancellation) and a count of stock: locks in the first flush, the rest and COMMIT in the last one.
const COMMANDS: &[Point] = &[
    API.asked("/* lock::orders */").and_it_arrives(),
    API.answered("/* lock::orders */", "SELECT "),
    API.asked("/* changes::orders */").and_it_is_lost(),
    API.asked("/* changes::orders */").and_it_arrives(),
    API.answered("/* changes::orders */", "COMMIT\0"),
    API.asked("/* stock::insert */").and_it_arrives(),
    API.answered("/* stock::insert */", "INSERT 0 "),
    API.asked("/* stock::update */").and_it_is_lost(),
    API.asked("/* stock::update */").and_it_arrives(),
    API.answered("/* stock::update */", "COMMIT\0"),
];

/// A consumer's batch and a timer's step.
const CONSUMERS: &[Point] = &[
    WORKER.asked("/* log::read */").and_it_is_lost(),
    WORKER.asked("/* lock::parked */").and_it_arrives(),
    WORKER.answered("/* lock::parked */", "SELECT "),
    WORKER.asked("/* apply::move */").and_it_is_lost(),
    WORKER.asked("/* apply::move */").and_it_arrives(),
    WORKER.answered("/* apply::move */", "COMMIT\0"),
    WORKER.answered("/* shipments::timers */", "SELECT "),
    WORKER.asked("/* lock::shipments */").and_it_arrives(),
    WORKER.asked("/* changes::clear_timers */").and_it_is_lost(),
    WORKER.asked("/* changes::clear_timers */").and_it_arrives(),
    WORKER.answered("/* changes::clear_timers */", "COMMIT\0"),
];

/// Renewing leases, taking them as one that joins, handing them back as one that was asked to stop.
const LEASES: &[Point] = &[
    WORKER.asked("/* leases::renew */").and_it_is_lost(),
    WORKER.asked("/* leases::renew */").and_it_arrives(),
    WORKER.answered("/* leases::renew */", "UPDATE "),
    WORKER
        .asked("/* leases::take */")
        .and_it_is_lost()
        .joining(),
    WORKER
        .asked("/* leases::take */")
        .and_it_arrives()
        .joining(),
    WORKER
        .answered("/* leases::take */", "INSERT 0 1")
        .joining(),
    WORKER
        .asked("/* leases::cursor */")
        .and_it_arrives()
        .joining(),
    WORKER
        .answered("/* leases::cursor */", "COMMIT\0")
        .joining(),
    WORKER
        .asked("/* leases::release */")
        .and_it_is_lost()
        .leaving(),
    WORKER
        .answered("/* leases::release */", "UPDATE 1")
        .leaving(),
    WORKER
        .asked("/* leases::leave */")
        .and_it_is_lost()
        .leaving(),
    WORKER
        .asked("/* leases::leave */")
        .and_it_arrives()
        .leaving(),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_point_of_accepting_it_loses_no_acknowledged_order() {
    at_each(ACCEPT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_point_of_a_command_or_a_count_it_loses_nothing_it_answered_for() {
    at_each(COMMANDS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_point_of_a_batch_or_a_timer_it_does_nothing_twice_and_leaves_nothing_out() {
    at_each(CONSUMERS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_it_renews_takes_or_hands_back_leases_it_leaves_no_part_behind() {
    at_each(LEASES).await;
}

/// The judge can fail: an answer that left before its COMMIT is found out, once its sender dies between the two.
#[cfg(feature = "planted-defects")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_an_answer_and_its_commit_it_is_found_out() {
    let between = [API.asked("/* accept::orders */").and_it_is_lost()];
    let outcome = dying_at(&between, "answer_before_commit").await;
    if let Some(Outcome { verdict, never, .. }) = outcome {
        assert!(never.is_empty(), "no process reached {never:?}");
        assert!(verdict.violates("I1"), "{verdict}");
    }
}
