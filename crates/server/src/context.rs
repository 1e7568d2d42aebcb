//! The context of decisions: the time, fresh ids, and the request or event that caused them.

use std::sync::Arc;

use waybill_domain::context::{Context, EventMeta};
use waybill_domain::time::Time;

use crate::clock::Clock;
use crate::random::Entropy;

/// Gives decisions of the domain their time and ids.
#[derive(Clone)]
pub struct ContextSource {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<Entropy>,
}

impl ContextSource {
    /// The present time.
    #[must_use]
    pub fn now(&self) -> Time {
        Time(self.clock.now_micros())
    }

    /// Lets `decide` decide at the present time, with fresh ids.
    pub fn decide<T>(&self, meta: &EventMeta, decide: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let now = self.now();
        let mut ids = || self.entropy.uuid_v7(now.0);
        decide(&mut Context {
            now,
            meta,
            ids: &mut ids,
        })
    }
}
