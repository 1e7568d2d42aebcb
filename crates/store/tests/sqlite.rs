//! The embedded driver: every case of the suite, and this driver's own tests.

mod sqlite {
    mod backup;
    mod driver;
    mod own;
    mod plans;

    use driver::Embedded;
    use waybill_store::conformance::{Harness, cases};

    /// Another seed gives another random story: `WAYBILL_TEST_SEED=7 cargo test -p waybill-store`.
    fn seed() -> u64 {
        let seed = std::env::var("WAYBILL_TEST_SEED").ok();
        seed.and_then(|s| s.parse().ok()).unwrap_or(20_260_504)
    }

    fn run(name: &str) {
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
            let driver = Embedded::new();
            (case.run)(Harness::open(driver, seed()).await).await;
        });
    }

    macro_rules! tests {
        ($($subject:ident { $($case:ident)+ })+) => {
            $(mod $subject {
                $(#[test]
                fn $case() {
                    super::run(concat!(stringify!($subject), "::", stringify!($case)));
                })+
            })+
        };
    }
    waybill_store::store_conformance_cases!(tests);

    #[test]
    fn the_suite_is_as_long_as_it_says() {
        let names: std::collections::BTreeSet<_> = cases().iter().map(|c| c.name).collect();
        println!("sqlite: {} cases", names.len());
        assert_eq!(names.len(), cases().len(), "a name stands twice");
    }
}
