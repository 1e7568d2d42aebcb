//! The shared driver: every case of the suite, directly and through a pooler, and this driver's own tests.

mod postgres {
    mod driver;
    mod own;
    mod readers;
    mod shared_turns;
    mod snapshots;

    use driver::{Shared, Way};
    use waybill_store::conformance::{Harness, cases};

    /// Another seed gives another random story: `WAYBILL_TEST_SEED=7 cargo test -p waybill-store`.
    fn seed() -> u64 {
        let seed = std::env::var("WAYBILL_TEST_SEED").ok();
        seed.and_then(|s| s.parse().ok()).unwrap_or(20_260_504)
    }

    fn run(name: &str, way: Way) {
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
            (case.run)(Harness::open(driver, seed()).await).await;
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
