use async_trait::async_trait;
use parking_lot::Mutex;
use waybill_domain::sample::SlotSample;
use waybill_store::{
    Identity, Page, Result, SamplePlace, SampleRange, SampleRow, Stats, StoreBase,
};

use super::*;

/// A store that can be away, and notes what was written.
#[derive(Default)]
struct Shaky {
    is_away: Mutex<bool>,
    written: Mutex<Vec<(Step, Time, u64)>>,
}

#[async_trait]
impl StoreBase for Shaky {
    fn identity(&self) -> &Identity {
        unreachable!("a writer of samples does not ask who the store is")
    }

    async fn time(&self) -> Result<Option<Time>> {
        Ok(None)
    }

    async fn stats(&self) -> Result<Stats> {
        Ok(Stats::default())
    }

    async fn check_writable(&self) -> Result<()> {
        Ok(())
    }

    async fn close(&self) {}
}

#[async_trait]
impl SampleStore for Shaky {
    async fn write_samples(&self, _process: &str, rows: Vec<SlotSample>) -> Result<()> {
        if *self.is_away.lock() {
            return Err(StoreError::unavailable("away"));
        }
        let told = rows.iter();
        let told = told.map(|row| (row.step, row.start, row.sample.accepted));
        self.written.lock().extend(told);
        Ok(())
    }

    async fn samples(&self, _range: SampleRange) -> Result<Page<SampleRow, SamplePlace>> {
        unreachable!("a writer reads nothing")
    }

    async fn remove_samples(&self, _step: Step, _before: Time, _limit: usize) -> Result<usize> {
        unreachable!("a writer removes nothing")
    }
}

/// Adds what was counted in one ten-second slot after another, and tries to write it.
async fn count(
    store: &Shaky,
    filling: &mut Filling,
    unwritten: &mut Unwritten,
    slots: std::ops::Range<i64>,
) -> Result<()> {
    let mut last = Ok(());
    for slot in slots {
        let counted = Sample {
            accepted: 1,
            ..Sample::default()
        };
        unwritten.add(filling.add(Time(0).plus_ms(slot * 10_000), &counted));
        last = write(store, "p", unwritten).await;
    }
    last
}

#[tokio::test(start_paused = true)]
async fn the_slots_of_an_outage_are_written_when_it_is_over() {
    let (store, mut filling) = (Shaky::default(), Filling::from(Time(0)));
    let mut unwritten = Unwritten::default();
    let mut go_on = async |slots| count(&store, &mut filling, &mut unwritten, slots).await;
    go_on(0..2).await.expect("written");
    *store.is_away.lock() = true;
    let failed = go_on(2..70).await.expect_err("away");
    assert!(matches!(failed, StoreError::Unavailable { .. }), "{failed}");
    *store.is_away.lock() = false;
    go_on(70..72).await.expect("written");
    let written = store.written.lock();
    let short = written.iter().filter(|row| row.0 == Step::TenSeconds);
    let short: Vec<_> = short
        .map(|(_, start, orders)| (start.0 / 10_000_000, *orders))
        .collect();
    let every_slot: Vec<(i64, u64)> = (0..72).map(|slot| (slot, 1)).collect();
    assert_eq!(short, every_slot, "each slot, once");
    let mut long = std::collections::BTreeMap::new();
    for (step, start, orders) in written.iter() {
        if *step == Step::FiveMinutes {
            long.insert(*start, *orders);
        }
    }
    let long: Vec<u64> = long.into_values().collect();
    assert_eq!(long, [30, 30, 12]);
}
