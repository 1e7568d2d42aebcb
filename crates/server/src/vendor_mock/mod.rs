//! A vendor to try Waybill on: the vendor API, faults on demand, and a ledger of everything it did.
//!
//! Owns the mock's quantities (`shelves`), what it does wrong (`faults`, `nonsense`), what it did (`ledger`), how an
//! answer leaves (`answer`) and its routes (`routes`).
//! Invariant: the ledger tells what was done, not what was answered; a test compares it with Waybill's own books.
//! It is a program of its own (`waybill vendor-mock`) and part of `waybill demo`; nothing of a real server uses it.

mod answer;
mod faults;
mod ledger;
mod nonsense;
mod operation;
mod routes;
mod shelves;

use std::sync::Arc;

use parking_lot::Mutex;
use waybill_domain::text::{Sku, Vendor};
use waybill_domain::time::Time;

use crate::clock::Clock;
use crate::random::Entropy;

pub use faults::{FaultError, Faults};
pub use nonsense::Nonsense;
pub use routes::serve;

use faults::Behaviour;
use ledger::{Entry, Ledger};
use operation::Operation;
use shelves::{NotMoved, Shelves};

/// A vendor that answers.
pub struct Mock {
    name: Vendor,
    port: u16,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    books: Mutex<Books>,
}

/// What changes, under one lock: a quantity and its ledger entry are changed together.
struct Books {
    shelves: Shelves,
    ledger: Ledger,
    faults: Faults,
}

/// A call that asks for units, or gives them back.
struct Move {
    operation: Operation,
    sku: Sku,
    quantity: i64,
    /// The caller's `Idempotency-Key`.
    key: Option<Arc<str>>,
}

/// How a call that moves units ended.
enum Moved {
    /// The quantity after it.
    Yes(i64),
    No(NotMoved),
    /// The server's error; nothing was done.
    Failed,
    /// Done, and the connection is to be closed without an answer.
    Lost,
    /// The ledger has no room: nothing was done.
    Full,
}

impl Mock {
    /// A vendor with these units, which is asked at this port.
    #[must_use]
    pub fn new(
        name: Vendor,
        port: u16,
        stock: impl IntoIterator<Item = (Sku, i64)>,
        faults: Faults,
        clock: Arc<dyn Clock>,
        entropy: Arc<Entropy>,
    ) -> Self {
        let books = Books {
            shelves: Shelves::of(stock),
            ledger: Ledger::default(),
            faults,
        };
        Self {
            name,
            port,
            clock,
            entropy,
            books: Mutex::new(books),
        }
    }

    /// The name as an id: `vendor-a` of VendorA.
    fn id(&self) -> String {
        let mut id = String::new();
        for c in self.name.as_str().chars() {
            if c.is_uppercase() && !id.is_empty() {
                id.push('-');
            }
            id.extend(c.to_lowercase());
        }
        id
    }

    /// Does what is asked, or what its faults make of it.
    fn take(&self, asked: &Move) -> Moved {
        let mut books = self.books.lock();
        let books = &mut *books;
        let behaviour = books.faults.behaviour(&self.entropy);
        if books.ledger.is_full() {
            return Moved::Full;
        }
        if behaviour == Behaviour::Error {
            return Moved::Failed;
        }
        if books.faults.honours_keys
            && let Some(first) = books.ledger.first_answer(asked.key.as_deref())
        {
            return match behaviour {
                Behaviour::LoseAnswer => Moved::Lost,
                Behaviour::Honest | Behaviour::Error | Behaviour::OnlySayYes => first.into(),
            };
        }
        let is_done = behaviour != Behaviour::OnlySayYes;
        let result = if is_done {
            books
                .shelves
                .change(asked.operation, &asked.sku, asked.quantity)
        } else {
            books
                .shelves
                .try_change(asked.operation, &asked.sku, asked.quantity)
        };
        books.ledger.write(Entry {
            at: Time(self.clock.now_micros()),
            operation: asked.operation,
            sku: asked.sku.clone(),
            quantity: asked.quantity,
            key: asked.key.clone(),
            result,
            done: is_done && result.is_ok(),
            answered: behaviour != Behaviour::LoseAnswer,
        });
        match behaviour {
            Behaviour::LoseAnswer => Moved::Lost,
            Behaviour::Honest | Behaviour::Error | Behaviour::OnlySayYes => result.into(),
        }
    }

    fn faults(&self) -> Faults {
        self.books.lock().faults.clone()
    }
}

impl From<Result<i64, NotMoved>> for Moved {
    fn from(result: Result<i64, NotMoved>) -> Self {
        match result {
            Ok(quantity) => Self::Yes(quantity),
            Err(why) => Self::No(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn sku() -> Sku {
        Sku::stored("MUG")
    }

    fn vendor(faults: Faults) -> Mock {
        let entropy = Arc::new(Entropy::from_seed(7));
        let clock = Arc::new(SystemClock);
        let name = Vendor::stored("VendorA");
        Mock::new(name, 3001, [(sku(), 10)], faults, clock, entropy)
    }

    fn reduce(mock: &Mock, quantity: i64, key: &str) -> Moved {
        mock.take(&Move {
            operation: Operation::Reduce,
            sku: sku(),
            quantity,
            key: Some(key.into()),
        })
    }

    fn left(mock: &Mock) -> i64 {
        mock.books.lock().shelves.quantity(&sku()).expect("a sku")
    }

    #[test]
    fn an_id_is_made_of_the_name() {
        assert_eq!(vendor(Faults::default()).id(), "vendor-a");
    }

    #[test]
    fn a_key_that_is_not_honoured_takes_twice_and_one_that_is_takes_once() {
        for (honours_keys, expected) in [(false, 4), (true, 7)] {
            let mock = vendor(Faults {
                honours_keys,
                ..Faults::default()
            });
            assert!(matches!(reduce(&mock, 3, "a"), Moved::Yes(7)));
            assert!(matches!(reduce(&mock, 3, "a"), Moved::Yes(_)));
            assert_eq!(left(&mock), expected);
        }
    }

    #[test]
    fn an_answer_is_lost_after_the_work_and_a_lie_comes_without_it() {
        let lost = vendor(Faults {
            lost_percent: 100.0,
            ..Faults::default()
        });
        assert!(matches!(reduce(&lost, 3, "a"), Moved::Lost));
        assert_eq!(left(&lost), 7);
        let lie = vendor(Faults {
            lie_percent: 100.0,
            ..Faults::default()
        });
        assert!(matches!(reduce(&lie, 3, "a"), Moved::Yes(7)));
        assert_eq!(left(&lie), 10);
        let failing = vendor(Faults {
            error_percent: 100.0,
            ..Faults::default()
        });
        assert!(matches!(reduce(&failing, 3, "a"), Moved::Failed));
        assert_eq!(left(&failing), 10);
    }

    #[test]
    fn more_than_there_is_is_refused() {
        let mock = vendor(Faults::default());
        let answer = reduce(&mock, 11, "a");
        assert!(matches!(answer, Moved::No(NotMoved::Insufficient)));
        assert_eq!(left(&mock), 10);
    }
}
