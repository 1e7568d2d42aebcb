//! Samples: merged in any order they say the same, percentiles keep their bound, and their text reads back.

use proptest::prelude::*;
use waybill_domain::sample::{
    BUCKETS, Circuit, Filling, Latency, MOST_TRANSITIONS, QueueUse, Sample, SampleFault, Step,
    Transition, Transitions, bucket_of,
};
use waybill_domain::time::Time;

/// The largest part by which a percentile may differ from the exact one.
const ERROR: f64 = 0.05;

fn any_circuit() -> impl Strategy<Value = Circuit> {
    prop::sample::select(Circuit::ALL)
}

fn any_transition() -> impl Strategy<Value = Transition> {
    // Few names and times, so that equal ones occur.
    let name = prop::sample::select(vec!["inventory", "redis", "vendor \"A\""]);
    (0..9_i64, name, any_circuit(), any_circuit()).prop_map(|(at, name, from, to)| Transition {
        at: Time(at),
        name: name.into(),
        from,
        to,
    })
}

fn any_latency() -> impl Strategy<Value = Latency> {
    let times = proptest::collection::vec((0..BUCKETS as u16, 0..5_u64), 0..12);
    times.prop_map(|times| {
        let mut latency = Latency::default();
        for (bucket, count) in times {
            assert!(latency.add(bucket, count));
        }
        latency
    })
}

fn any_sample() -> impl Strategy<Value = Sample> {
    let counts = (any::<u64>(), 0..9_u64, 0..9_u64, 0..9_u64);
    let queue = (0..9_u64, 0..9_u64);
    let consumer = prop::sample::select(vec!["delivery", "status", "relay"]);
    let lags = proptest::collection::btree_map(consumer.prop_map(String::from), 0..9_u64, 0..3);
    let breakers = (proptest::collection::vec(any_transition(), 0..30), 0..3_u64);
    (counts, any_latency(), queue, lags, breakers).prop_map(
        |(
            (accepted, refused, delivered, covered_ms),
            latency,
            (most, limit),
            lag_ms,
            (all, more),
        )| Sample {
            accepted,
            refused,
            delivered,
            latency,
            queue: QueueUse { most, limit },
            lag_ms,
            breakers: Transitions::of(all, more),
            covered_ms,
        },
    )
}

fn merged(one: &Sample, other: &Sample) -> Sample {
    let mut merged = one.clone();
    merged.merge(other);
    merged
}

proptest! {
    #[test]
    fn the_order_of_merging_does_not_matter(a in any_sample(), b in any_sample(), c in any_sample()) {
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(merged(&a, &Sample::default()), a);
    }

    #[test]
    fn transitions_are_kept_or_counted(all in proptest::collection::vec(any_transition(), 0..60)) {
        let kept = Transitions::of(all.clone(), 0);
        prop_assert!(kept.kept().len() <= MOST_TRANSITIONS);
        prop_assert_eq!(kept.kept().len() as u64 + kept.left_out(), all.len() as u64);
        let mut sorted = all;
        sorted.sort();
        prop_assert!(sorted.ends_with(kept.kept()), "the newest are kept");
    }

    #[test]
    fn a_percentile_of_merged_buckets_is_near_the_exact_one(
        processes in proptest::collection::vec(
            proptest::collection::vec(100..60_000_000_u64, 1..60), 1..4),
        thousandths in 1..=1_000_u16,
    ) {
        let mut all = Latency::default();
        for times in &processes {
            let mut of_one = Latency::default();
            for us in times {
                of_one.add(bucket_of(*us), 1);
            }
            all.merge(&of_one);
        }
        let mut exact: Vec<u64> = processes.concat();
        exact.sort_unstable();
        prop_assert_eq!(all.count(), exact.len() as u64);
        let rank = (exact.len() * usize::from(thousandths)).div_ceil(1_000).max(1);
        let exact_ms = exact[rank - 1] as f64 / 1e3;
        let found = all.percentile_ms(thousandths).expect("there are times");
        prop_assert!((found - exact_ms).abs() <= ERROR * exact_ms, "{} instead of {}", found, exact_ms);
    }

    #[test]
    fn the_text_of_a_sample_reads_back(sample in any_sample()) {
        let text = sample.to_text();
        prop_assert_eq!(Sample::read(&text).expect("whole"), sample);
    }

    #[test]
    fn a_damaged_text_is_an_error_or_another_sample_and_never_a_panic(
        sample in any_sample(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let mut bytes = sample.to_text().into_bytes();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        if let Ok(text) = String::from_utf8(bytes) {
            let read = Sample::read(&text);
            prop_assert!(!cut || read.is_err(), "a part of a text is none: {}", text);
            if let Ok(read) = read {
                let _ = merged(&read, &read).latency.percentile_ms(999);
            }
        }
    }

    /// However often rows are written, and however the clock jumps, the long slot has what its short slots have.
    #[test]
    fn ten_second_samples_merge_to_their_five_minute_sample(
        steps in proptest::collection::vec((-40_000..400_000_i64, any_sample()), 1..40),
    ) {
        let mut now = Time(1_780_000_000_000_000);
        let mut filling = Filling::from(now);
        let mut rows = std::collections::BTreeMap::new();
        for (ms, counted) in &steps {
            now = now.plus_ms(*ms);
            for row in filling.add(now, counted) {
                rows.insert((row.step, row.start), row.sample);
            }
        }
        let mut rolled_up = std::collections::BTreeMap::new();
        for ((step, start), sample) in &rows {
            if *step == Step::TenSeconds {
                let slot = Step::FiveMinutes.start_of(*start);
                let all = rolled_up.entry(slot).or_insert_with(Sample::default);
                // Short slots follow each other, so the long one covers as long as they do together.
                let covered_ms = all.covered_ms + sample.covered_ms;
                all.merge(sample);
                all.covered_ms = covered_ms;
            }
        }
        let long = rows.into_iter().filter(|((step, _), _)| *step == Step::FiveMinutes);
        let long: std::collections::BTreeMap<_, _> = long.map(|((_, start), s)| (start, s)).collect();
        prop_assert_eq!(long, rolled_up);
    }
}

#[test]
fn what_a_later_version_adds_is_ignored_and_what_cannot_be_is_an_error() {
    let later = r#"{"q":[0,9],"o":[3,1,2],"z":{"new":true},"b":[[5,"redis","open","forced"],[6,"redis","open","closed"]]}"#;
    let sample = Sample::read(later).expect("it is read");
    assert_eq!((sample.accepted, sample.delivered), (3, 2));
    assert_eq!(
        (sample.breakers.kept().len(), sample.breakers.left_out()),
        (1, 1)
    );
    let no_bucket = format!(r#"{{"q":[0,9],"l":[[{BUCKETS},1]]}}"#);
    let fault = Sample::read(&no_bucket).expect_err("there is none");
    assert!(matches!(fault, SampleFault::NoBucket { .. }), "{fault}");
    assert!(fault.to_string().contains(&BUCKETS.to_string()), "{fault}");
    let long = format!("{}{{}}", " ".repeat(70_000));
    assert!(matches!(
        Sample::read(&long),
        Err(SampleFault::TooLong { .. })
    ));
    for damaged in [
        "",
        "{",
        "{}",
        "[]",
        "null",
        r#"{"q":[0,9],"o":[1,2]}"#,
        r#"{"q":[-1,9]}"#,
    ] {
        let fault = Sample::read(damaged);
        assert!(
            matches!(fault, Err(SampleFault::NotReadable(_))),
            "{damaged}: {fault:?}"
        );
    }
}

#[test]
fn a_quiet_slot_is_stored_in_few_bytes() {
    let quiet = Sample {
        queue: QueueUse {
            most: 0,
            limit: 1_000,
        },
        ..Sample::default()
    };
    assert_eq!(quiet.to_text(), r#"{"q":[0,1000]}"#);
}
