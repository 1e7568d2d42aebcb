//! Samples: a row for each process and slot, replaced by a later write, read by time, removed when old; and what a store
//! tells of the events that it appends, from which they are counted.

use super::Harness;
use crate::error::Error;
use crate::model::{SampleRange, SampleRow};
use waybill_domain::event::EventKind;
use waybill_domain::sample::{QueueUse, Sample, SlotSample, Step};
use waybill_domain::time::Time;

const ALL: usize = 100;

fn counted(accepted: u64) -> Sample {
    let mut sample = Sample {
        accepted,
        queue: QueueUse { most: 1, limit: 9 },
        ..Sample::default()
    };
    sample.latency.add(77, accepted);
    sample.saw_lag("status", 12);
    sample
}

/// A slot that begins so many slots after the present one.
fn slot(h: &Harness, step: Step, n: i64, accepted: u64) -> SlotSample {
    SlotSample {
        step,
        start: step.start_of(h.clock.now()).plus_ms(n * step.ms()),
        sample: counted(accepted),
    }
}

async fn write(h: &Harness, process: &str, rows: Vec<SlotSample>) {
    let written = h.store.write_samples(process, rows).await;
    written.expect("written");
}

/// Everything of a step.
fn whole(step: Step, limit: usize) -> SampleRange {
    SampleRange {
        step,
        from: Time(i64::MIN),
        to: Time(i64::MAX),
        process: None,
        after: None,
        limit,
    }
}

async fn read(h: &Harness, range: SampleRange) -> Vec<SampleRow> {
    h.store.samples(range).await.expect("read").items
}

/// Process and orders of each row.
fn told(rows: &[SampleRow]) -> Vec<(&str, u64)> {
    let of = |row: &SampleRow| row.sample.as_ref().expect("whole").accepted;
    rows.iter().map(|row| (&*row.process, of(row))).collect()
}

pub(super) async fn a_sample_reads_back_after_a_reopen_and_a_later_write_replaces_it(
    mut h: Harness,
) {
    let short = slot(&h, Step::TenSeconds, 0, 3);
    let long = slot(&h, Step::FiveMinutes, 0, 3);
    write(&h, "a", vec![short.clone(), long.clone()]).await;
    h.reopen().await;
    for row in [&short, &long] {
        let found = read(&h, whole(row.step, ALL)).await;
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].start, &*found[0].process), (row.start, "a"));
        assert_eq!(found[0].sample.as_ref().expect("whole"), &row.sample);
    }
    write(&h, "a", vec![slot(&h, Step::TenSeconds, 0, 8)]).await;
    write(&h, "b", vec![slot(&h, Step::TenSeconds, 0, 1)]).await;
    let found = read(&h, whole(Step::TenSeconds, ALL)).await;
    assert_eq!(told(&found), [("a", 8), ("b", 1)]);
}

pub(super) async fn samples_are_read_by_time_and_process_in_pages_of_any_size(h: Harness) {
    for (process, first) in [("b", 10), ("a", 20), ("c", 30)] {
        let rows = (0..4).map(|n| slot(&h, Step::TenSeconds, n, first + n as u64));
        write(&h, process, rows.rev().collect()).await;
    }
    let all = read(&h, whole(Step::TenSeconds, ALL)).await;
    let expected = [
        ("a", 20),
        ("b", 10),
        ("c", 30),
        ("a", 21),
        ("b", 11),
        ("c", 31),
        ("a", 22),
        ("b", 12),
        ("c", 32),
        ("a", 23),
        ("b", 13),
        ("c", 33),
    ];
    assert_eq!(told(&all), expected);
    for limit in 1..=12 {
        let (mut paged, mut range) = (vec![], whole(Step::TenSeconds, limit));
        loop {
            let page = h.store.samples(range.clone()).await.expect("read");
            assert!(page.items.len() <= limit);
            paged.extend(page.items);
            range.after = page.next;
            if range.after.is_none() {
                break;
            }
        }
        assert_eq!(told(&paged), expected, "pages of {limit}");
    }
    let start = |n| slot(&h, Step::TenSeconds, n, 0).start;
    let middle = SampleRange {
        from: start(1),
        to: start(3),
        process: Some("b".into()),
        ..whole(Step::TenSeconds, ALL)
    };
    assert_eq!(told(&read(&h, middle).await), [("b", 11), ("b", 12)]);
    assert!(read(&h, whole(Step::FiveMinutes, ALL)).await.is_empty());
}

pub(super) async fn old_samples_are_removed_up_to_a_limit_and_those_of_another_step_stay(
    h: Harness,
) {
    for step in [Step::TenSeconds, Step::FiveMinutes] {
        for process in ["a", "b"] {
            let rows = (0..3).map(|n| slot(&h, step, n, n as u64));
            write(&h, process, rows.collect()).await;
        }
    }
    let before = slot(&h, Step::TenSeconds, 2, 0).start;
    let mut removed = vec![];
    for _ in 0..3 {
        let some = h.store.remove_samples(Step::TenSeconds, before, 3).await;
        removed.push(some.expect("removed"));
    }
    assert_eq!(removed, [3, 1, 0]);
    let left = read(&h, whole(Step::TenSeconds, ALL)).await;
    assert_eq!(told(&left), [("a", 2), ("b", 2)]);
    assert_eq!(read(&h, whole(Step::FiveMinutes, ALL)).await.len(), 6);
}

pub(super) async fn a_damaged_sample_is_told_and_the_others_are_read(h: Harness) {
    for process in ["a", "b"] {
        write(&h, process, vec![slot(&h, Step::TenSeconds, 0, 1)]).await;
    }
    h.driver
        .damage("UPDATE samples SET data = '{' WHERE process = 'a'")
        .await;
    let found = read(&h, whole(Step::TenSeconds, ALL)).await;
    let damaged = found[0].sample.as_ref().expect_err("damaged");
    assert!(matches!(damaged, Error::DamagedRow { .. }), "{damaged}");
    assert!(damaged.to_string().contains("process a"), "{damaged}");
    assert_eq!(told(&found[1..]), [("b", 1)]);
}

pub(super) async fn what_a_store_appends_is_told_once(h: Harness) {
    h.put("A", 9).await;
    let mut story = super::Story::new(h);
    story.tell(60).await;
    let log = story.h.log().await;
    let mut in_log: Vec<EventKind> = log.iter().map(|logged| logged.event.kind).collect();
    let mut told = story.h.tap.kinds(log.len()).await;
    in_log.sort_unstable();
    told.sort_unstable();
    assert!(in_log.contains(&EventKind::OrderCreated));
    assert_eq!(told, in_log);
}
