//! Chooses the next read: a bounded number at once, tenants in turn.
//!
//! Invariants: at most `at_once` hold a [`Turn`], at most `of_tenant` of them for one tenant while there is more than
//! one slot; at most `waiting_of_tenant` callers of a tenant and `waiting` of all tenants wait. A caller that goes away
//! while it waits leaves the queue at once, and its read is never begun.

use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tokio::sync::oneshot;
use waybill_domain::text::Tenant;

/// How much is read at once, and how many may wait.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Reads at once.
    pub at_once: usize,
    /// Reads of one tenant at once.
    pub of_tenant: usize,
    /// Callers that may wait, over all tenants.
    pub waiting: usize,
    /// Callers of one tenant that may wait.
    pub waiting_of_tenant: usize,
}

/// Why a caller is refused without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    Tenant,
    All,
}

/// The queue.
pub struct Queue {
    bounds: Bounds,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: usize,
    waiting: usize,
    next: u64,
    tenants: HashMap<Tenant, Line>,
    /// Tenants with waiting callers, each once, in the order of their turns.
    turns: VecDeque<Tenant>,
}

#[derive(Default)]
struct Line {
    running: usize,
    waiting: VecDeque<(u64, oneshot::Sender<Turn>)>,
}

impl Queue {
    #[must_use]
    pub fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self {
            bounds,
            state: Mutex::default(),
        })
    }

    /// A turn at once, or a place in the queue.
    ///
    /// # Errors
    /// [`Full`].
    pub fn ask(self: &Arc<Self>, tenant: &Tenant) -> Result<Asked, Full> {
        let state = &mut *self.state.lock();
        let all = state.waiting;
        let running = state.running;
        let line = state.tenants.entry(tenant.clone()).or_default();
        let free = running < self.bounds.at_once && line.running < self.bounds.of_tenant;
        if free && line.waiting.is_empty() {
            line.running += 1;
            state.running += 1;
            return Ok(Asked::Turn(self.turn(tenant.clone())));
        }
        let full = if line.waiting.len() >= self.bounds.waiting_of_tenant {
            Some(Full::Tenant)
        } else {
            (all >= self.bounds.waiting).then_some(Full::All)
        };
        if let Some(full) = full {
            state.forget_if_idle(tenant);
            return Err(full);
        }
        let (sender, turn) = oneshot::channel();
        let first = line.waiting.is_empty();
        state.next += 1;
        let id = state.next;
        line.waiting.push_back((id, sender));
        state.waiting += 1;
        if first {
            state.turns.push_back(tenant.clone());
        }
        let place = Place {
            queue: self.clone(),
            tenant: tenant.clone(),
            id,
        };
        Ok(Asked::Place(place, turn))
    }

    fn turn(self: &Arc<Self>, tenant: Tenant) -> Turn {
        Turn {
            queue: self.clone(),
            tenant,
        }
    }

    /// Callers that wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state.lock().waiting
    }

    fn release(self: &Arc<Self>, tenant: &Tenant) {
        let granted = {
            let mut state = self.state.lock();
            state.running -= 1;
            if let Some(line) = state.tenants.get_mut(tenant) {
                line.running -= 1;
            }
            state.forget_if_idle(tenant);
            state.grant(self)
        };
        // Sent without the lock: if a receiver has gone, dropping its turn calls this function again.
        for (sender, turn) in granted {
            drop(sender.send(turn));
        }
    }
}

impl State {
    /// Gives free slots to waiting callers, one tenant after another.
    fn grant(&mut self, queue: &Arc<Queue>) -> Vec<(oneshot::Sender<Turn>, Turn)> {
        let mut granted = vec![];
        let mut passed = 0;
        while self.running < queue.bounds.at_once && passed < self.turns.len() {
            let Some(tenant) = self.turns.pop_front() else {
                break;
            };
            let Some(line) = self.tenants.get_mut(&tenant) else {
                continue;
            };
            if line.running >= queue.bounds.of_tenant {
                passed += 1;
                self.turns.push_back(tenant);
                continue;
            }
            let Some((_, sender)) = line.waiting.pop_front() else {
                continue;
            };
            line.running += 1;
            self.running += 1;
            self.waiting -= 1;
            passed = 0;
            if !line.waiting.is_empty() {
                self.turns.push_back(tenant.clone());
            }
            granted.push((sender, queue.turn(tenant)));
        }
        granted
    }

    fn forget_if_idle(&mut self, tenant: &Tenant) {
        let idle = |line: &Line| line.running == 0 && line.waiting.is_empty();
        if self.tenants.get(tenant).is_some_and(idle) {
            self.tenants.remove(tenant);
        }
    }
}

/// The answer to a request for a turn.
pub enum Asked {
    Turn(Turn),
    /// A place in the queue, given up when it is dropped, and the channel on which the turn arrives.
    Place(Place, oneshot::Receiver<Turn>),
}

/// The right to read, until it is dropped.
pub struct Turn {
    queue: Arc<Queue>,
    tenant: Tenant,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.queue.release(&self.tenant);
    }
}

/// A place in the queue.
pub struct Place {
    queue: Arc<Queue>,
    tenant: Tenant,
    id: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        let Some(line) = state.tenants.get_mut(&self.tenant) else {
            return;
        };
        let before = line.waiting.len();
        line.waiting.retain(|(id, _)| *id != self.id);
        let (gone, empty) = (before - line.waiting.len(), line.waiting.is_empty());
        state.waiting -= gone;
        if gone > 0 && empty {
            state.turns.retain(|tenant| *tenant != self.tenant);
            state.forget_if_idle(&self.tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        at_once: 2,
        of_tenant: 1,
        waiting: 4,
        waiting_of_tenant: 3,
    };

    fn tenant(name: &str) -> Tenant {
        Tenant::stored(name)
    }

    fn place(asked: Result<Asked, Full>) -> (Place, oneshot::Receiver<Turn>) {
        match asked {
            Ok(Asked::Place(place, turn)) => (place, turn),
            Ok(Asked::Turn(_)) => panic!("had a turn at once"),
            Err(full) => panic!("{full:?}"),
        }
    }

    fn turn(asked: Result<Asked, Full>) -> Turn {
        match asked {
            Ok(Asked::Turn(turn)) => turn,
            Ok(Asked::Place(..)) => panic!("has to wait"),
            Err(full) => panic!("{full:?}"),
        }
    }

    #[test]
    fn one_tenant_leaves_a_slot_to_the_others() {
        let queue = Queue::new(BOUNDS);
        let _loud = turn(queue.ask(&tenant("loud")));
        let _waits = place(queue.ask(&tenant("loud")));
        let _quiet = turn(queue.ask(&tenant("quiet")));
    }

    #[test]
    fn tenants_have_turns_by_turns_however_many_wait_of_one() {
        let queue = Queue::new(BOUNDS);
        let (a, b) = (turn(queue.ask(&tenant("a"))), turn(queue.ask(&tenant("b"))));
        let (_p1, mut loud1) = place(queue.ask(&tenant("loud")));
        let (_p2, mut loud2) = place(queue.ask(&tenant("loud")));
        let (_p3, mut quiet) = place(queue.ask(&tenant("quiet")));
        drop(a);
        let first = loud1.try_recv().expect("its turn");
        drop(b);
        let _second = quiet
            .try_recv()
            .expect("its turn before the other's second");
        assert!(loud2.try_recv().is_err());
        drop(first);
        assert!(loud2.try_recv().is_ok());
    }

    #[test]
    fn a_full_queue_refuses_its_tenant_and_a_full_house_everybody() {
        let queue = Queue::new(BOUNDS);
        let _running = turn(queue.ask(&tenant("loud")));
        let _waiting: Vec<_> = (0..3).map(|_| place(queue.ask(&tenant("loud")))).collect();
        assert!(matches!(queue.ask(&tenant("loud")), Err(Full::Tenant)));
        let _quiet = turn(queue.ask(&tenant("quiet")));
        let _last = place(queue.ask(&tenant("quiet")));
        assert!(matches!(queue.ask(&tenant("third")), Err(Full::All)));
    }

    #[test]
    fn who_goes_away_leaves_nothing_behind() {
        let queue = Queue::new(BOUNDS);
        let running = turn(queue.ask(&tenant("a")));
        drop(place(queue.ask(&tenant("a"))));
        let (gone, receiver) = place(queue.ask(&tenant("a")));
        let (_here, mut mine) = place(queue.ask(&tenant("a")));
        drop((gone, receiver));
        drop(running);
        let turn = mine.try_recv().expect("the next one who is there");
        assert_eq!(queue.waiting(), 0);
        drop(turn);
        let state = queue.state.lock();
        assert_eq!(
            (state.running, state.tenants.len(), state.turns.len()),
            (0, 0, 0)
        );
    }

    #[test]
    fn a_turn_given_to_somebody_who_just_left_goes_on_to_the_next() {
        let queue = Queue::new(BOUNDS);
        let running = turn(queue.ask(&tenant("a")));
        let (place_of_gone, receiver) = place(queue.ask(&tenant("a")));
        let (_here, mut mine) = place(queue.ask(&tenant("a")));
        drop(receiver);
        drop(running);
        drop(place_of_gone);
        assert!(mine.try_recv().is_ok());
    }
}
