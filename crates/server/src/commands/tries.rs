//! The tries of one command: it waits for its turn, and tries again when another write was committed first.
//!
//! Within a process commands on one thing wait for each other, so only background work or another process can be
//! faster. The second try follows at once, later ones after a random pause of a growing range, so that processes do not
//! collide again; no try begins after the deadline.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use waybill_store::Error as StoreError;

use crate::command_error::CommandError;
use crate::random::Entropy;
use crate::resilience::turns::{NoTurn, Turn, Turns, deadline_in};

/// The longest pause, in milliseconds.
const MOST_PAUSE_MS: u64 = 64;

/// What a command changes, with its name for refusals.
#[derive(Clone, Copy, Debug, Hash)]
pub enum Thing {
    Order,
    Shipment,
    StockRow,
    Client,
    Vendor,
}

/// The queues in which commands wait for their turn, and the time that one may take.
#[derive(Clone)]
pub struct CommandQueue {
    pub turns: Arc<Turns>,
    pub wait: Duration,
    pub entropy: Arc<Entropy>,
}

/// A command that has its turn.
pub struct Tries {
    entropy: Arc<Entropy>,
    thing: Thing,
    deadline: Instant,
    lost: u32,
    _turn: Turn,
}

impl Tries {
    /// Waits for the turn of a command at the thing of this key.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if too many wait, or for too long.
    pub async fn begin(
        queue: &CommandQueue,
        thing: Thing,
        key: impl Hash,
    ) -> Result<Self, CommandError> {
        let deadline = deadline_in(queue.wait);
        let turn = queue.turns.take((thing, key), deadline).await;
        Ok(Self {
            entropy: queue.entropy.clone(),
            thing,
            deadline,
            lost: 0,
            _turn: turn.map_err(|no_turn| thing.no_turn(no_turn))?,
        })
    }

    /// Waits before the next try, after another write was committed first.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when the time of this command is over.
    pub async fn again(&mut self) -> Result<(), CommandError> {
        if Instant::now() >= self.deadline {
            return Err(self.thing.keeps_changing().into());
        }
        let most_ms = (1 << self.lost.min(16)).min(MOST_PAUSE_MS);
        if self.lost > 0 {
            tokio::time::sleep(Duration::from_millis(self.entropy.range(0..most_ms))).await;
        }
        self.lost += 1;
        Ok(())
    }
}

impl Thing {
    fn no_turn(self, no_turn: NoTurn) -> StoreError {
        let what = match (self, no_turn) {
            (Self::Order, NoTurn::Full) => "too many commands on this order are waiting",
            (Self::Shipment, NoTurn::Full) => "too many commands on this shipment are waiting",
            (Self::StockRow, NoTurn::Full) => "too many commands on this stock row are waiting",
            (Self::Client, NoTurn::Full) => "too many commands on this client are waiting",
            (Self::Vendor, NoTurn::Full) => "too many commands on this vendor are waiting",
            (Self::Order, NoTurn::TooLate) => {
                "commands on this order before this one took too long"
            }
            (Self::Shipment, NoTurn::TooLate) => {
                "commands on this shipment before this one took too long"
            }
            (Self::StockRow, NoTurn::TooLate) => {
                "commands on this stock row before this one took too long"
            }
            (Self::Client, NoTurn::TooLate) => {
                "commands on this client before this one took too long"
            }
            (Self::Vendor, NoTurn::TooLate) => {
                "commands on this vendor before this one took too long"
            }
        };
        StoreError::busy(what).because(no_turn)
    }

    fn keeps_changing(self) -> StoreError {
        StoreError::busy(match self {
            Self::Order => "the order keeps changing",
            Self::Shipment => "the shipment keeps changing",
            Self::StockRow => "the stock row keeps changing",
            Self::Client => "the client keeps changing",
            Self::Vendor => "the vendor keeps changing",
        })
    }
}
