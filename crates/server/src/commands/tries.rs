//! The tries of one command: its turn at what it changes, and how long it goes on when other writes come first.
//!
//! Within a process commands on one thing wait for each other, so a try is lost to background work or to another process
//! only. The next try comes at once, later ones after a pause drawn from a growing range, so that processes do not meet
//! again; none begins after the deadline.

use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;
use waybill_store::Error as StoreError;

use crate::app::App;
use crate::command_error::CommandError;
use crate::resilience::turns::{NoTurn, Turn, deadline_in};

/// The longest pause, in milliseconds.
const MOST_PAUSE_MS: u64 = 64;

/// What a command changes, as it is called in a refusal.
#[derive(Clone, Copy, Debug, Hash)]
pub enum Thing {
    Order,
    Shipment,
    StockRow,
}

/// A command that has its turn.
pub struct Tries {
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
    pub async fn begin(app: &App, thing: Thing, key: impl Hash) -> Result<Self, CommandError> {
        let deadline = deadline_in(app.settings.commands.wait_ms.duration());
        let turn = app.turns.take((thing, key), deadline).await;
        Ok(Self {
            thing,
            deadline,
            lost: 0,
            _turn: turn.map_err(|no_turn| thing.no_turn(no_turn))?,
        })
    }

    /// Another write came first: waits before the next try.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when the time of this command is over.
    pub async fn again(&mut self, app: &App) -> Result<(), CommandError> {
        if Instant::now() >= self.deadline {
            return Err(self.thing.keeps_changing().into());
        }
        let most_ms = (1 << self.lost.min(16)).min(MOST_PAUSE_MS);
        if self.lost > 0 {
            tokio::time::sleep(Duration::from_millis(app.entropy.range(0..most_ms))).await;
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
            (Self::Order, NoTurn::TooLate) => {
                "commands on this order before this one took too long"
            }
            (Self::Shipment, NoTurn::TooLate) => {
                "commands on this shipment before this one took too long"
            }
            (Self::StockRow, NoTurn::TooLate) => {
                "commands on this stock row before this one took too long"
            }
        };
        StoreError::busy(what).because(no_turn)
    }

    fn keeps_changing(self) -> StoreError {
        StoreError::busy(match self {
            Self::Order => "the order keeps changing",
            Self::Shipment => "the shipment keeps changing",
            Self::StockRow => "the stock row keeps changing",
        })
    }
}
