//! Settings that are each valid but contradict each other.

use std::collections::BTreeMap;

use super::errors::ConfigErrors;
use super::origin::Origin;
use super::settings::Settings;

/// Errors for pairs of values that are each valid but contradict each other.
pub fn contradictions(
    settings: &Settings,
    origins: &BTreeMap<String, Origin>,
    errors: &mut ConfigErrors,
) {
    let mut ordered = |low: (&str, u64), high: (&str, u64)| {
        if low.1 > high.1 {
            let origin = origins
                .get(low.0)
                .max(origins.get(high.0))
                .cloned()
                .unwrap_or(Origin::Default);
            let advice = format!("must not be more than {} = {}", high.0, high.1);
            errors.push(origin, low.0, Some(low.1.to_string()), advice);
        }
    };
    let (retry, limits, store) = (&settings.retry, &settings.limits, &settings.store);
    ordered(
        ("retry.base_delay_ms", retry.base_delay_ms.get()),
        ("retry.max_delay_ms", retry.max_delay_ms.get()),
    );
    ordered(
        ("limits.page_default", limits.page_default.into()),
        ("limits.page_max", limits.page_max.into()),
    );
    ordered(
        ("store.pool_min_size", store.pool_min_size.into()),
        ("store.pool_size", store.pool_size.into()),
    );
    ordered(
        (
            "server.body_limit_bytes",
            settings.server.body_limit_bytes.into(),
        ),
        (
            "server.body_memory_bytes",
            settings.server.body_memory_bytes.into(),
        ),
    );
    ordered(
        (
            "server.body_timeout_ms",
            settings.server.body_timeout_ms.get(),
        ),
        (
            "server.request_timeout_ms",
            settings.server.request_timeout_ms.get(),
        ),
    );
}
