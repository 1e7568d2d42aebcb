//! How long the simulated carrier takes for each step of a shipment.

use std::sync::Arc;

use waybill_domain::delivery;
use waybill_domain::time::Time;

use crate::config::MillisRange;
use crate::random::Entropy;

/// Draws the delays of the simulated carrier.
#[derive(Clone)]
pub struct SimulatedCarrier {
    pub ship_delay: MillisRange,
    pub deliver_delay: MillisRange,
    pub entropy: Arc<Entropy>,
}

impl delivery::Carrier for SimulatedCarrier {
    fn ships_at(&mut self, now: Time) -> Time {
        now.plus_ms(self.draw(self.ship_delay))
    }
}

impl SimulatedCarrier {
    /// When a shipment that leaves the house now is delivered.
    #[must_use]
    pub fn delivers_at(&self, now: Time) -> Time {
        now.plus_ms(self.draw(self.deliver_delay))
    }

    fn draw(&self, range: MillisRange) -> i64 {
        range.pick(&self.entropy).as_i64()
    }
}
