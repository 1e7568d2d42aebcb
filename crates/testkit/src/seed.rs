//! Where a run's randomness comes from.
//!
//! A seeded test prints its seed, and `WAYBILL_TEST_SEED` runs it again. `WAYBILL_TEST_LONG=1` asks
//! for the longer form of a test.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// The seed of this run: the one asked for, or a fresh one.
pub fn of_this_run() -> u64 {
    match std::env::var("WAYBILL_TEST_SEED") {
        Ok(text) => text
            .trim()
            .parse()
            .expect("WAYBILL_TEST_SEED is a whole number"),
        Err(_) => fresh(),
    }
}

/// Whether the longer form was asked for.
pub fn long_form() -> bool {
    std::env::var("WAYBILL_TEST_LONG").is_ok_and(|v| v == "1")
}

/// One stream of a run: clients, kills and disks draw from streams apart, so that adding one draw to
/// one of them does not change what the others do.
pub fn stream(seed: u64, name: &str, number: u64) -> StdRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    for (at, byte) in bytes[16..].iter_mut().zip(name.bytes()) {
        *at = byte;
    }
    StdRng::from_seed(bytes)
}

/// A number that no run had before.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where randomness is made; that of a run is printed"
)]
pub(crate) fn fresh() -> u64 {
    // 32 bits, so that it is short to type.
    u64::from(rand::random::<u32>())
}
