//! The embedded driver: every case of the suite, and this driver's own tests.

mod sqlite {
    mod backup;
    mod driver;
    mod own;
    mod packed;
    mod plans;

    use driver::Embedded;
    use waybill_store::conformance::{Harness, cases};
    use waybill_store::packed::LogForm;

    /// Another seed gives another random story: `WAYBILL_TEST_SEED=7 cargo test -p waybill-store`.
    fn seed() -> u64 {
        let seed = std::env::var("WAYBILL_TEST_SEED").ok();
        seed.and_then(|s| s.parse().ok()).unwrap_or(20_260_504)
    }

    fn run(name: &str, log: LogForm) {
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
                    use super::{LOG, run};
                    run(concat!(stringify!($subject), "::", stringify!($case)), LOG);
                })+
            })+
        };
    }
    const LOG: LogForm = LogForm::Packed;
    waybill_store::store_conformance_cases!(tests);

    /// The same with a log as stores of before schema 16 go on to write it.
    mod plain_log {
        use super::{LogForm, run};

        const LOG: LogForm = LogForm::Plain;
        waybill_store::store_conformance_cases!(tests);
    }

    #[test]
    fn the_suite_is_as_long_as_it_says() {
        let names: std::collections::BTreeSet<_> = cases().iter().map(|c| c.name).collect();
        println!("sqlite: {} cases", names.len());
        assert_eq!(names.len(), cases().len(), "a name stands twice");
    }
}
