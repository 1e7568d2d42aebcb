//! When each order should be sent: the schedule that all connections of a run share.
//!
//! *Closed loop*: a connection sends its next order as soon as it has the answer to the last.
//! *Open loop*: order n is meant for `start + n / rate`, whether or not the server keeps up; a late
//! one is still measured from that moment, so that a stalled server cannot hide its stall (the
//! "coordinated omission" of load generators that wait).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// When a run ends and how fast it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Orders per second; `None` is a closed loop.
    pub rate_per_s: Option<u64>,
    pub orders: Option<u64>,
    pub duration: Option<Duration>,
}

impl Pace {
    /// How many orders the run is to send; `None` where that depends on the answers.
    #[must_use]
    pub fn planned(&self) -> Option<u64> {
        let of_time = self.duration.zip(self.rate_per_s).map(|(duration, rate)| {
            let orders = (duration.as_nanos() * u128::from(rate)).div_ceil(1_000_000_000);
            u64::try_from(orders).expect("rate and duration are bounded where they are read")
        });
        match (self.orders, self.duration, of_time) {
            (Some(orders), None, _) => Some(orders),
            (Some(orders), Some(_), Some(of_time)) => Some(orders.min(of_time)),
            (None, Some(_), of_time) => of_time,
            // In a closed loop the time may be over first, and that is no fault.
            (Some(_), Some(_), None) | (None, None, _) => None,
        }
    }
}

/// Hands out one ticket per order.
pub struct Schedule {
    pace: Pace,
    start: OnceLock<Instant>,
    next: AtomicU64,
    stopped: AtomicBool,
}

/// The right to send one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// When the order should be sent; its latency counts from here.
    pub intended: Instant,
}

impl Schedule {
    #[must_use]
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            start: OnceLock::new(),
            next: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        }
    }

    /// Starts the clock; before that no ticket is handed out. A second start changes nothing.
    pub fn start(&self, now: Instant) {
        self.start.get_or_init(|| now);
    }

    /// The next ticket, `None` when the run is over.
    pub fn next(&self, now: Instant) -> Option<Ticket> {
        let start = *self.start.get()?;
        if self.is_over(now) {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if self.pace.orders.is_some_and(|orders| number >= orders) {
            return None;
        }
        let offset = self
            .pace
            .rate_per_s
            .map_or_else(|| now.duration_since(start), |rate| offset(number, rate));
        // In an open loop the end of the schedule counts, not the moment it was reached.
        if self
            .pace
            .duration
            .is_some_and(|duration| offset >= duration)
        {
            return None;
        }
        Some(Ticket {
            intended: start + offset,
        })
    }

    /// Whether an order that is still waiting to be sent again should be given up: the run was
    /// interrupted, or its time is over.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        self.stopped.load(Ordering::Relaxed)
            || match (self.start.get(), self.pace.duration, self.pace.rate_per_s) {
                // A late open loop still sends what was due; it ends when its tickets do.
                (_, Some(_), Some(_)) | (_, None, _) | (None, _, _) => false,
                (Some(start), Some(duration), None) => now.duration_since(*start) >= duration,
            }
    }

    /// Whether the time of the run has passed at `moment`, in either loop.
    #[must_use]
    pub fn is_past(&self, moment: Instant) -> bool {
        self.stopped.load(Ordering::Relaxed)
            || matches!((self.start.get(), self.pace.duration), (Some(start), Some(duration)) if moment.duration_since(*start) >= duration)
    }

    /// Ends the run: no further ticket, what is under way is finished.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether the run was ended before its time.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// When the clock was started.
    #[must_use]
    pub fn started(&self) -> Option<Instant> {
        self.start.get().copied()
    }
}

/// `number / rate` seconds, exact to the nanosecond.
fn offset(number: u64, rate_per_s: u64) -> Duration {
    let rate = u128::from(rate_per_s.max(1));
    let nanos = u128::from(number) * 1_000_000_000 / rate;
    Duration::from_nanos(u64::try_from(nanos).expect("a run ends long before 584 years"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(
        rate_per_s: Option<u64>,
        orders: Option<u64>,
        duration: Option<Duration>,
    ) -> (Schedule, Instant) {
        let schedule = Schedule::new(Pace {
            rate_per_s,
            orders,
            duration,
        });
        let start = Instant::now();
        schedule.start(start);
        (schedule, start)
    }

    fn intended(schedule: &Schedule, now: Instant) -> Option<Instant> {
        schedule.next(now).map(|ticket| ticket.intended)
    }

    #[test]
    fn an_open_loop_intends_order_n_at_n_divided_by_the_rate() {
        let (schedule, start) = schedule(Some(4000), Some(5), None);
        for number in 0..5 {
            assert_eq!(
                intended(&schedule, start),
                Some(start + Duration::from_micros(250 * number))
            );
        }
        assert_eq!(intended(&schedule, start), None);
    }

    #[test]
    fn an_open_loop_that_fell_behind_keeps_its_intended_times() {
        let (schedule, start) = schedule(Some(1000), None, Some(Duration::from_millis(3)));
        let late = start + Duration::from_secs(9);
        for number in 0..3 {
            assert_eq!(
                intended(&schedule, late),
                Some(start + Duration::from_millis(number))
            );
        }
        assert_eq!(
            intended(&schedule, late),
            None,
            "the duration bounds the schedule, not the sending"
        );
    }

    #[test]
    fn a_closed_loop_intends_now_until_its_time_is_over() {
        let (schedule, start) = schedule(None, None, Some(Duration::from_secs(1)));
        let now = start + Duration::from_millis(700);
        assert_eq!(intended(&schedule, now), Some(now));
        assert_eq!(intended(&schedule, start + Duration::from_secs(1)), None);
        assert!(schedule.is_past(start + Duration::from_secs(1)));
    }

    #[test]
    fn exactly_as_many_orders_as_asked_are_handed_out() {
        let (schedule, start) = schedule(None, Some(3), None);
        assert_eq!(
            (0..10).filter(|_| schedule.next(start).is_some()).count(),
            3
        );
    }

    #[test]
    fn a_stopped_run_hands_out_nothing_more() {
        let (schedule, start) = schedule(Some(10), None, None);
        assert!(schedule.next(start).is_some());
        schedule.stop();
        assert!(schedule.next(start).is_none());
    }

    #[test]
    fn rates_that_do_not_divide_a_second_do_not_drift() {
        assert_eq!(offset(3_000_000, 3), Duration::from_secs(1_000_000));
        assert_eq!(offset(7, 0), Duration::from_secs(7));
    }
}
