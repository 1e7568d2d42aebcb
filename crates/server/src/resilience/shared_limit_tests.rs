//! Leases of a bucket that answers, or does not.

use std::sync::atomic::AtomicI64;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::*;

const SECOND: i64 = 1_000_000;
const NOW: i64 = 1_780_000_000 * SECOND;
const A: Client<'_> = Client::Subject {
    tenant: "default",
    subject: "a",
};

/// One bucket, for one client, by a clock of its own.
struct OneBucket {
    now: AtomicI64,
    full_at: Mutex<i64>,
    answer: Mutex<Option<NotTaken>>,
    /// Calls that may be answered.
    answers: Semaphore,
}

#[async_trait]
impl SharedBuckets for OneBucket {
    async fn take(&self, bucket: &str, quota: Quota, wanted: u32) -> Result<Taken, NotTaken> {
        assert!(
            bucket.starts_with("requests:") && bucket.len() == 9 + 32,
            "{bucket}"
        );
        self.answers.acquire().await.expect("open").forget();
        if let Some(away) = *self.answer.lock() {
            return Err(away);
        }
        let now = self.now.load(Ordering::Relaxed);
        let mut full_at = self.full_at.lock();
        *full_at = (*full_at).max(now);
        let free = (now + WINDOW_MICROS - *full_at) / quota.cost_micros();
        let granted = wanted.min(u32::try_from(free).expect("not negative"));
        *full_at += i64::from(granted) * quota.cost_micros();
        Ok(Taken {
            granted,
            used_micros: *full_at - now,
            was_damaged: false,
        })
    }
}

fn bucket(answers: usize) -> Arc<OneBucket> {
    Arc::new(OneBucket {
        now: AtomicI64::new(NOW),
        full_at: Mutex::new(0),
        answer: Mutex::default(),
        answers: Semaphore::new(answers),
    })
}

/// A process that uses the bucket, and its figures.
fn process(bucket: &Arc<OneBucket>, per_minute: u32) -> (Limiter, Arc<LimitFigures>) {
    let figures = Arc::new(LimitFigures::default());
    let sharing = Sharing {
        buckets: bucket.clone(),
        figures: figures.clone(),
    };
    let limiter = Limiter::of("requests", per_minute, 100, Some(sharing));
    (limiter.expect("a limit"), figures)
}

async fn allowed(limiter: &Limiter, requests: u32, now: i64) -> u32 {
    let mut allowed = 0;
    for _ in 0..requests {
        allowed += u32::from(limiter.ask(A, now).await.allowed);
    }
    allowed
}

#[tokio::test]
async fn two_processes_have_one_quota_and_ask_once_for_each_lease() {
    let bucket = bucket(1_000);
    let (one, figures) = process(&bucket, 6_000);
    let (other, _) = process(&bucket, 6_000);
    assert_eq!(allowed(&one, 2_005, NOW).await, 2_005);
    assert_eq!(figures.asked.load(Ordering::Relaxed), 201, "ten in a lease");
    assert_eq!(allowed(&other, 10_000, NOW).await, 3_990);
    assert_eq!(allowed(&one, 10, NOW).await, 5, "what is left of its lease");
}

#[tokio::test]
async fn a_refused_client_is_asked_about_again_when_it_may_send() {
    let bucket = bucket(1_000);
    let (limiter, figures) = process(&bucket, 60);
    assert_eq!(allowed(&limiter, 100, NOW).await, 60);
    let asked = figures.asked.load(Ordering::Relaxed);
    let refused = limiter.ask(A, NOW + SECOND / 4).await;
    assert_eq!(
        refused,
        Decision {
            allowed: false,
            remaining: 0,
            wait_micros: SECOND * 3 / 4
        }
    );
    assert_eq!(figures.asked.load(Ordering::Relaxed), asked);
    bucket.now.store(NOW + SECOND, Ordering::Relaxed);
    assert!(limiter.ask(A, NOW + SECOND).await.allowed);
    assert_eq!(figures.asked.load(Ordering::Relaxed), asked + 1);
}

#[tokio::test]
async fn a_lease_is_given_up_when_the_bucket_is_full_again() {
    let bucket = bucket(1_000);
    let (limiter, figures) = process(&bucket, 6_000);
    assert_eq!(allowed(&limiter, 1, NOW).await, 1);
    // Ten requests come back in a tenth of a second.
    assert_eq!(allowed(&limiter, 1, NOW + SECOND / 10).await, 1);
    assert_eq!(figures.asked.load(Ordering::Relaxed), 1);
    bucket.now.store(NOW + SECOND, Ordering::Relaxed);
    assert_eq!(allowed(&limiter, 1, NOW + SECOND).await, 1);
    assert_eq!(figures.asked.load(Ordering::Relaxed), 2);
    // A clock that stepped back knows nothing either.
    assert_eq!(allowed(&limiter, 1, NOW - SECOND * 3_600).await, 1);
    assert_eq!(figures.asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn without_an_answer_a_process_counts_on_from_what_it_let_through() {
    let bucket = bucket(1_000);
    let (limiter, figures) = process(&bucket, 60);
    assert_eq!(allowed(&limiter, 40, NOW).await, 40);
    *bucket.answer.lock() = Some(NotTaken::Failed);
    assert_eq!(allowed(&limiter, 1, NOW).await, 1);
    *bucket.answer.lock() = Some(NotTaken::Away);
    assert_eq!(allowed(&limiter, 100, NOW).await, 19);
    assert_eq!(figures.failed.load(Ordering::Relaxed), 1);
    assert_eq!(figures.alone.load(Ordering::Relaxed), 100);
}

#[tokio::test]
async fn one_request_brings_a_lease_and_those_beside_it_one_each() {
    let bucket = bucket(0);
    let (limiter, _) = process(&bucket, 6_000);
    let mut first = Box::pin(limiter.ask(A, NOW));
    assert!(futures::poll!(&mut first).is_pending());
    let mut beside = Box::pin(limiter.ask(A, NOW));
    assert!(futures::poll!(&mut beside).is_pending());
    // Its caller has gone: the next one brings the lease.
    drop(first);
    bucket.answers.add_permits(1);
    assert!(beside.await.allowed);
    assert_eq!(*bucket.full_at.lock(), NOW + SECOND / 100);
    bucket.answers.add_permits(1);
    assert!(limiter.ask(A, NOW).await.allowed);
    assert_eq!(*bucket.full_at.lock(), NOW + SECOND * 11 / 100);
}

#[test]
fn clients_differ_in_tenant_subject_and_address() {
    let of = |tenant, subject| Client::Subject { tenant, subject }.digest();
    let all = [
        of("a", "bc"),
        of("ab", "c"),
        of("", "abc"),
        Client::Address(None).digest(),
        Client::Address(Some([127, 0, 0, 1].into())).digest(),
        of("", "127.0.0.1"),
    ];
    for (n, digest) in all.iter().enumerate() {
        assert!(!all[..n].contains(digest), "{n}");
    }
}
