//! Rounds of taking messages: what arrives while others are written is taken together in the next round. A broker hands
//! messages over in small lots, one for each of its partitions, and a transaction for each lot costs more than what is
//! in it.
//!
//! Invariant: there is one round at a time, and lots are taken in the order in which they arrived.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use waybill_broker::message::Message;
use waybill_broker::receiver::Received;

/// Messages of one round, at which no further lot is added.
const ENOUGH: usize = 500;

/// The lots that wait for their round.
#[derive(Default)]
pub struct Rounds {
    waiting: Mutex<VecDeque<Lot>>,
    turn: tokio::sync::Mutex<()>,
}

/// Messages that were handed over together.
struct Lot {
    messages: Vec<Message>,
    answer: oneshot::Sender<Vec<Received>>,
}

impl Rounds {
    /// Takes a lot with those that wait beside it; one result for each of its messages. Whoever has the turn takes for
    /// all: if that one is given up in the middle, the others are told to come again.
    pub async fn take<T>(
        &self,
        messages: Vec<Message>,
        take: impl Fn(Vec<Message>) -> T,
    ) -> Vec<Received>
    where
        T: Future<Output = Vec<Received>>,
    {
        let count = messages.len();
        let (answer, mut answered) = oneshot::channel();
        self.waiting.lock().push_back(Lot { messages, answer });
        let _turn = self.turn.lock().await;
        loop {
            match answered.try_recv() {
                Ok(received) => return received,
                Err(TryRecvError::Empty) => self.round(&take).await,
                Err(TryRecvError::Closed) => {
                    let why = "the messages beside it were given up".to_owned();
                    return vec![Received::Later(why); count];
                }
            }
        }
    }

    async fn round<T>(&self, take: &impl Fn(Vec<Message>) -> T)
    where
        T: Future<Output = Vec<Received>>,
    {
        let mut all = vec![];
        let mut answers = vec![];
        for lot in self.next() {
            answers.push((lot.messages.len(), lot.answer));
            all.extend(lot.messages);
        }
        let mut received = take(all).await.into_iter();
        for (count, answer) in answers {
            // Whoever gave its lot up meanwhile wants no answer.
            answer.send(received.by_ref().take(count).collect()).ok();
        }
    }

    /// The lots of the next round, at least one. Those that were given up are forgotten.
    fn next(&self) -> Vec<Lot> {
        let mut waiting = self.waiting.lock();
        let (mut lots, mut size) = (vec![], 0);
        while size < ENOUGH
            && let Some(lot) = waiting.pop_front()
        {
            if !lot.answer.is_closed() {
                size += lot.messages.len();
                lots.push(lot);
            }
        }
        lots
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::noted;
    use super::*;
    use futures::FutureExt;
    use std::pin::pin;
    use tokio::sync::Semaphore;

    /// Takes messages when it is let; keeps how many came together.
    struct Slow {
        rounds: Rounds,
        let_it: Semaphore,
        sizes: Mutex<Vec<usize>>,
    }

    impl Slow {
        fn new() -> Self {
            Self {
                rounds: Rounds::default(),
                let_it: Semaphore::new(0),
                sizes: Mutex::default(),
            }
        }

        /// Takes so many messages of an order; how many of them were taken.
        async fn take(&self, order: u128, count: usize) -> usize {
            let messages = (1..).map(|seq| noted(order, seq)).take(count).collect();
            let taking = self.rounds.take(messages, |messages| async move {
                self.sizes.lock().push(messages.len());
                self.let_it.acquire().await.expect("it is open").forget();
                let is_taken = |m: &Message| m.event.event.key().as_u128() < 100;
                let result = |m| match is_taken(m) {
                    true => Received::Taken,
                    false => Received::Later("not this one".into()),
                };
                messages.iter().map(result).collect()
            });
            let received = taking.await;
            assert_eq!(received.len(), count);
            received.iter().filter(|r| **r == Received::Taken).count()
        }
    }

    #[tokio::test]
    async fn what_waits_is_taken_together_and_each_lot_gets_its_own_results() {
        let slow = Slow::new();
        let mut first = pin!(slow.take(1, 1));
        assert!(first.as_mut().now_or_never().is_none());
        let (second, third, fourth) = (slow.take(2, 2), slow.take(100, 3), slow.take(4, 4));
        let rest = async {
            slow.let_it.add_permits(2);
            first.await
        };
        let taken = tokio::join!(second, third, fourth, rest);
        assert_eq!(taken, (2, 0, 4, 1));
        assert_eq!(*slow.sizes.lock(), [1, 9]);
    }

    #[tokio::test]
    async fn a_round_has_an_end() {
        let slow = Slow::new();
        let mut first = pin!(slow.take(1, 1));
        assert!(first.as_mut().now_or_never().is_none());
        slow.let_it.add_permits(3);
        let (many, more) = (slow.take(2, ENOUGH), slow.take(3, 1));
        tokio::join!(many, more, first);
        assert_eq!(*slow.sizes.lock(), [1, ENOUGH, 1]);
    }

    #[tokio::test]
    async fn who_waits_for_one_that_is_given_up_comes_again() {
        let slow = Slow::new();
        let mut first = Box::pin(slow.take(1, 1));
        assert!(first.as_mut().now_or_never().is_none());
        let mut leads = Box::pin(slow.take(2, 2));
        assert!(leads.as_mut().now_or_never().is_none());
        let mut behind = pin!(slow.take(3, 3));
        assert!(behind.as_mut().now_or_never().is_none());
        slow.let_it.add_permits(1);
        assert_eq!(first.await, 1);
        assert!(leads.as_mut().now_or_never().is_none());
        drop(leads);
        assert_eq!(behind.await, 0, "it is told to come again");
        slow.let_it.add_permits(1);
        assert_eq!(slow.take(3, 3).await, 3);
        assert_eq!(*slow.sizes.lock(), [1, 5, 3]);
    }

    #[tokio::test]
    async fn what_was_given_up_while_it_waited_is_not_taken() {
        let slow = Slow::new();
        let mut first = pin!(slow.take(1, 1));
        assert!(first.as_mut().now_or_never().is_none());
        let mut second = Box::pin(slow.take(2, 2));
        assert!(second.as_mut().now_or_never().is_none());
        drop(second);
        slow.let_it.add_permits(2);
        let (third, _) = tokio::join!(slow.take(3, 3), first);
        assert_eq!(third, 3);
        assert_eq!(*slow.sizes.lock(), [1, 3]);
    }
}
