//! The shared driver: every case of the suite, directly and through a pooler, and this driver's own tests.

mod postgres {
    mod driver;
    mod late_locks;
    mod own;
    mod readers;
    mod shared_turns;
    mod snapshots;

    use driver::{Shared, Way};
    use waybill_store::conformance::{Harness, cases};
    use waybill_store::packed::LogForm;

    /// Another seed gives another random story: `WAYBILL_TEST_SEED=7 cargo test -p waybill-store`.
    fn seed() -> u64 {
        let seed = std::env::var("WAYBILL_TEST_SEED").ok();
        seed.and_then(|s| s.parse().ok()).unwrap_or(20_260_504)
    }

    fn run(name: &str, way: Way) {
        run_with(name, way, LogForm::Packed);
    }

    fn run_with(name: &str, way: Way, log: LogForm) {
        let case = cases()
            .into_iter()
            .find(|c| c.name == name)
            .expect("the macro lists what cases() lists");
        println!("seed {}", seed());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        runtime.expect("a runtime starts").block_on(async {
            // The cases use one partition; several partitions are covered by this driver's own tests.
            let Some(driver) = Shared::new(way, 1).await else {
                return;
            };
            let mut harness = Harness::open(driver, seed()).await;
            if log == LogForm::Plain {
                harness.write_plain_log().await;
            }
            (case.run)(harness).await;
        });
    }

    macro_rules! tests {
        ($($subject:ident { $($case:ident)+ })+) => {
            $(mod $subject {
                $(#[test]
                fn $case() {
                    super::run(concat!(stringify!($subject), "::", stringify!($case)), super::Way::Direct);
                })+
            })+
        };
    }
    waybill_store::store_conformance_cases!(tests);

    mod pooled {
        use super::Way;

        macro_rules! tests {
            ($($subject:ident { $($case:ident)+ })+) => {
                $(mod $subject {
                    $(#[test]
                    fn $case() {
                        super::super::run(concat!(stringify!($subject), "::", stringify!($case)), super::Way::Pooled);
                    })+
                })+
            };
        }
        waybill_store::store_conformance_cases!(tests);
    }

    /// What the log is read and written for, with a log as stores of before schema 16 go on to write it. Everything else is
    /// done with both forms on the embedded driver.
    #[test]
    fn a_plain_log_does_what_a_packed_one_does() {
        let of_log = ["log::", "relay::", "parked::", "turns::", "advance::"];
        let of_log = |name: &str| of_log.iter().any(|subject| name.starts_with(subject));
        let cases = cases().into_iter().filter(|case| of_log(case.name));
        let names: Vec<_> = cases.map(|case| case.name).collect();
        assert!(names.len() > 20, "{names:?}");
        for name in names {
            run_with(name, Way::Direct, LogForm::Plain);
        }
    }

    #[test]
    fn the_suite_is_as_long_as_it_says() {
        let names: std::collections::BTreeSet<_> = cases().iter().map(|c| c.name).collect();
        println!(
            "postgres: {} cases, and as many through a pooler",
            names.len()
        );
        assert_eq!(names.len(), cases().len(), "a name stands twice");
    }
}
