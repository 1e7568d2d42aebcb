//! The cases.

mod bad;
mod faults;
mod flow;
mod running;

use super::Bench;
use futures::future::BoxFuture;

/// One case.
pub struct Case {
    pub name: &'static str,
    pub needs: Needs,
    pub run: for<'b> fn(&'b dyn Bench) -> BoxFuture<'b, Result<(), String>>,
}

/// What the broker must be able to do for a case.
#[derive(Clone, Copy, Default)]
pub struct Needs {
    pub restarts: bool,
    pub strangers: bool,
    pub size_limit: bool,
    pub keeps: bool,
}

const ANY: Needs = Needs {
    restarts: false,
    strangers: false,
    size_limit: false,
    keeps: false,
};
const KEEPS: Needs = Needs { keeps: true, ..ANY };
const STRANGERS: Needs = Needs {
    strangers: true,
    ..KEEPS
};
const RESTARTS: Needs = Needs {
    restarts: true,
    ..KEEPS
};
const LIMIT: Needs = Needs {
    size_limit: true,
    ..KEEPS
};

macro_rules! cases {
    ($($needs:ident $module:ident::$name:ident,)+) => {
        &[$(Case {
            name: stringify!($name),
            needs: $needs,
            run: |bench| Box::pin($module::$name(bench)),
        },)+]
    };
}

/// Every case, in the order in which they run.
pub const CASES: &[Case] = cases! {
    ANY flow::two_consumers_share_the_work_in_order_per_key,
    ANY flow::what_is_not_taken_comes_again_and_nothing_overtakes_it,
    ANY flow::a_message_published_twice_blocks_nothing,
    KEEPS flow::what_is_published_before_anybody_reads_is_kept,
    ANY flow::a_slow_receiver_is_not_flooded,
    ANY flow::a_stop_leaves_what_was_not_taken_to_the_next,
    STRANGERS bad::a_poison_message_is_kept_and_the_lane_goes_on,
    LIMIT bad::an_event_that_is_too_large_goes_without_its_body,
    LIMIT bad::an_impossible_event_is_told_apart_from_its_batch,
    RESTARTS faults::a_restart_in_the_middle_loses_and_reorders_nothing,
    RESTARTS faults::a_publisher_is_answered_while_the_broker_is_away,
    RESTARTS faults::a_subscriber_connects_again,
};
