//! Several lease managers with the same leases, in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{advance, sleep};
use waybill_store::{HeldLease, Lease};

use super::*;

const LEASE: Duration = Duration::from_secs(10);
/// Long enough for two renewals and what follows from them.
const SECONDS: Duration = Duration::from_secs(5);

/// The machine's clock, moving with tokio's.
struct Ticking(Instant);

impl Clock for Ticking {
    fn now_micros(&self) -> i64 {
        i64::try_from(self.0.elapsed().as_micros()).unwrap_or(i64::MAX)
    }
}

/// Leases as a store keeps them: one consumer, in memory.
#[derive(Default)]
struct Book {
    members: BTreeMap<String, Time>,
    leases: BTreeMap<u16, HeldLease>,
}

/// The leases as one process reaches them; a frozen or disconnected process does not.
struct Reached {
    book: Arc<Mutex<Book>>,
    cut_off: Arc<AtomicBool>,
}

impl Reached {
    fn book(&self) -> Result<parking_lot::MutexGuard<'_, Book>, StoreError> {
        if self.cut_off.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("cut off"));
        }
        Ok(self.book.lock())
    }
}

#[async_trait]
impl Leases for Reached {
    async fn renew(
        &self,
        of: &ConsumerId,
        now: Time,
        until: Time,
    ) -> Result<LeaseView, StoreError> {
        let mut book = self.book()?;
        book.members.insert(of.owner.clone(), until);
        book.members.retain(|_, until| *until > now);
        for lease in book.leases.values_mut() {
            if lease.owner == of.owner && lease.until > now {
                lease.until = until;
            }
        }
        let held = book.leases.values().filter(|lease| lease.until > now);
        Ok(LeaseView {
            held: held.cloned().collect(),
            members: book.members.keys().cloned().collect(),
        })
    }

    async fn take(
        &self,
        of: &ConsumerId,
        partition: u16,
        now: Time,
        until: Time,
    ) -> Result<Option<(Lease, i64)>, StoreError> {
        let mut book = self.book()?;
        let before = book.leases.get(&partition);
        if before.is_some_and(|l| l.until > now && l.owner != of.owner) {
            return Ok(None);
        }
        let epoch = before.map_or(0, |l| l.epoch) + 1;
        let held = HeldLease {
            partition,
            owner: of.owner.clone(),
            epoch,
            until,
        };
        book.leases.insert(partition, held);
        let consumer = of.consumer.to_owned();
        let lease = Lease {
            consumer,
            partition,
            epoch,
        };
        Ok(Some((lease, 0)))
    }

    async fn release(&self, of: &ConsumerId, lease: &Lease) -> Result<(), StoreError> {
        let mut book = self.book()?;
        if let Some(held) = book.leases.get_mut(&lease.partition)
            && (&held.owner, held.epoch) == (&of.owner, lease.epoch)
        {
            held.until = Time(0);
        }
        Ok(())
    }

    async fn leave(&self, of: &ConsumerId) -> Result<(), StoreError> {
        let mut book = self.book()?;
        book.members.remove(&of.owner);
        let mine = book.leases.values_mut().filter(|l| l.owner == of.owner);
        mine.for_each(|lease| lease.until = Time(0));
        Ok(())
    }
}

/// Notes which partitions are acted on.
struct Acting {
    partitions: u16,
    now: Arc<watch::Sender<BTreeSet<u16>>>,
    /// Ends every partition once with this.
    fault: Arc<Mutex<Option<StoreError>>>,
}

struct Acts<'a>(&'a Acting, u16);

impl Drop for Acts<'_> {
    fn drop(&mut self) {
        self.0.now.send_modify(|partitions| {
            partitions.remove(&self.1);
        });
    }
}

#[async_trait]
impl PartitionTask for Acting {
    fn consumer(&self) -> &'static str {
        "test"
    }

    fn partitions(&self) -> u16 {
        self.partitions
    }

    async fn act(&self, lease: Lease, _: i64, stop: CancellationToken) -> Result<(), StoreError> {
        let fault = self.fault.lock().take();
        if let Some(fault) = fault {
            return Err(fault);
        }
        self.now.send_modify(|partitions| {
            partitions.insert(lease.partition);
        });
        let _acts = Acts(self, lease.partition);
        stop.cancelled().await;
        Ok(())
    }
}

struct Process {
    acting: watch::Receiver<BTreeSet<u16>>,
    cut_off: Arc<AtomicBool>,
    fault: Arc<Mutex<Option<StoreError>>>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Process {
    fn partitions(&self) -> BTreeSet<u16> {
        self.acting.borrow().clone()
    }

    fn counted(&self, name: &str) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.metrics.registry).unwrap();
        let line = text.lines().find(|l| l.starts_with(name));
        let value = line.and_then(|l| l.rsplit(' ').next());
        value.unwrap_or("none").to_owned()
    }
}

struct Machine {
    book: Arc<Mutex<Book>>,
    began: Instant,
    partitions: u16,
}

impl Machine {
    fn with_partitions(partitions: u16) -> Self {
        Self {
            book: Arc::default(),
            began: Instant::now(),
            partitions,
        }
    }

    fn start(&self, name: &str) -> Process {
        let (now, acting) = watch::channel(BTreeSet::new());
        let (stop, metrics) = (CancellationToken::new(), Arc::new(Metrics::default()));
        let cut_off = Arc::new(AtomicBool::new(false));
        let fault = Arc::new(Mutex::new(None));
        let manager = LeaseManager {
            leases: Arc::new(Reached {
                book: self.book.clone(),
                cut_off: cut_off.clone(),
            }),
            clock: Arc::new(Ticking(self.began)),
            metrics: metrics.clone(),
            id: ConsumerId {
                consumer: "test",
                owner: name.to_owned(),
            },
            terms: LeaseTerms::lasting(LEASE),
            task: Acting {
                partitions: self.partitions,
                now: Arc::new(now),
                fault: fault.clone(),
            },
        };
        let task = tokio::spawn(manager.run(stop.clone()));
        Process {
            acting,
            cut_off,
            fault,
            metrics,
            stop,
            task,
        }
    }
}

/// Every process has partitions, no two the same, together all; the counts, least first.
fn shared_out(machine: &Machine, processes: &[&Process]) -> Vec<usize> {
    let mut all = BTreeSet::new();
    let mut counts = vec![];
    for process in processes {
        let partitions = process.partitions();
        counts.push(partitions.len());
        all.extend(partitions);
    }
    assert_eq!(
        counts.iter().sum::<usize>(),
        all.len(),
        "a part has one owner"
    );
    assert_eq!(
        all.len(),
        usize::from(machine.partitions),
        "every part has an owner"
    );
    counts.sort_unstable();
    counts
}

#[tokio::test(start_paused = true)]
async fn who_is_alone_has_every_part_at_once() {
    let machine = Machine::with_partitions(16);
    let a = machine.start("a");
    sleep(Duration::from_millis(1)).await;
    assert_eq!(shared_out(&machine, &[&a]), [16]);
    assert_eq!(a.counted("waybill_consumer_parts"), "16");
    sleep(LEASE * 5).await;
    assert_eq!(shared_out(&machine, &[&a]), [16], "it keeps them");
    assert_eq!(a.counted("waybill_leases_lost_total"), "none");
}

#[tokio::test(start_paused = true)]
async fn who_joins_has_its_share_within_seconds() {
    let machine = Machine::with_partitions(16);
    let a = machine.start("a");
    sleep(SECONDS).await;
    let b = machine.start("b");
    sleep(SECONDS).await;
    assert_eq!(shared_out(&machine, &[&a, &b]), [8, 8]);
    let c = machine.start("c");
    sleep(SECONDS).await;
    assert_eq!(shared_out(&machine, &[&a, &b, &c]), [5, 5, 6]);
    let before = [a.partitions(), b.partitions(), c.partitions()];
    sleep(LEASE * 5).await;
    assert_eq!(
        before,
        [a.partitions(), b.partitions(), c.partitions()],
        "no lease moves without need"
    );
    assert_eq!(c.counted("waybill_lease_takeovers_total"), "none");
}

#[tokio::test(start_paused = true)]
async fn who_stops_hands_over_at_once() {
    let machine = Machine::with_partitions(16);
    let (a, b) = (machine.start("a"), machine.start("b"));
    sleep(SECONDS).await;
    a.stop.cancel();
    a.task.await.expect("it comes to rest");
    sleep(Duration::from_millis(1_100)).await;
    assert_eq!(shared_out(&machine, &[&b]), [16]);
    assert_eq!(b.counted("waybill_lease_takeovers_total"), "none");
}

#[tokio::test(start_paused = true)]
async fn who_dies_is_succeeded_when_its_leases_have_run_out() {
    let machine = Machine::with_partitions(16);
    let (a, b) = (machine.start("a"), machine.start("b"));
    sleep(SECONDS).await;
    a.task.abort();
    sleep(LEASE / 2).await;
    assert_eq!(
        b.partitions().len(),
        8,
        "not before its leases have run out"
    );
    sleep(LEASE / 2 + Duration::from_millis(1_100)).await;
    assert_eq!(shared_out(&machine, &[&b]), [16]);
    assert_eq!(b.counted("waybill_lease_takeovers_total"), "8");
}

#[tokio::test(start_paused = true)]
async fn who_cannot_renew_stops_before_another_begins_and_comes_back() {
    let machine = Machine::with_partitions(16);
    let (a, b) = (machine.start("a"), machine.start("b"));
    sleep(SECONDS).await;
    a.cut_off.store(true, Ordering::SeqCst);
    let (mut gone, mut taken) = (a.acting.clone(), b.acting.clone());
    let stopped = async {
        gone.wait_for(BTreeSet::is_empty).await.expect("it lives");
        Instant::now()
    };
    let succeeded = async {
        taken.wait_for(|p| p.len() > 8).await.expect("it lives");
        Instant::now()
    };
    let (stopped, succeeded) = tokio::join!(stopped, succeeded);
    assert!(stopped <= succeeded, "it stopped on its own, and first");
    sleep(SECONDS).await;
    assert_eq!(shared_out(&machine, &[&b]), [16]);
    assert_eq!(a.counted("waybill_leases_lost_total"), "8");
    a.cut_off.store(false, Ordering::SeqCst);
    sleep(SECONDS).await;
    assert_eq!(shared_out(&machine, &[&a, &b]), [8, 8]);
}

#[tokio::test(start_paused = true)]
async fn who_was_frozen_past_its_leases_lets_go_of_what_another_has() {
    let machine = Machine::with_partitions(4);
    let a = machine.start("a");
    sleep(SECONDS).await;
    // Process a was frozen: its leases expired and b took them.
    {
        let mut book = machine.book.lock();
        book.members.clear();
        for lease in book.leases.values_mut() {
            lease.owner = "b".into();
            lease.epoch += 1;
        }
    }
    advance(Duration::from_millis(1)).await;
    let mut acting = a.acting.clone();
    acting.wait_for(BTreeSet::is_empty).await.expect("it lives");
    assert_eq!(a.counted("waybill_leases_lost_total"), "4");
}

#[tokio::test(start_paused = true)]
async fn one_job_is_done_by_one_process_and_goes_on_after_it() {
    let machine = Machine::with_partitions(1);
    let (a, b) = (machine.start("a"), machine.start("b"));
    sleep(SECONDS).await;
    assert_eq!(shared_out(&machine, &[&a, &b]), [0, 1]);
    let (doing, waiting) = if a.partitions().is_empty() {
        (b, a)
    } else {
        (a, b)
    };
    doing.stop.cancel();
    sleep(SECONDS).await;
    assert_eq!(shared_out(&machine, &[&waiting]), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_was_fenced_or_failed_is_looked_at_anew() {
    let machine = Machine::with_partitions(4);
    let faults = [
        StoreError::Fenced {
            consumer: "test".into(),
        },
        StoreError::unavailable("for a moment"),
    ];
    for fault in faults {
        let a = machine.start("a");
        *a.fault.lock() = Some(fault);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(a.partitions().len(), 3);
        sleep(SECONDS).await;
        assert_eq!(shared_out(&machine, &[&a]), [4]);
        a.stop.cancel();
        a.task.await.expect("it comes to rest");
    }
}
