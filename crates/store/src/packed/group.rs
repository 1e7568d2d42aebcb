//! Which events share a row of the packed log.

use waybill_domain::event::NewEvent;

/// The most events of a row: it bounds what a reader decodes to get at one of them. An order seldom has more than nine
/// in a transaction.
const MOST: usize = 64;

/// Events that follow each other and are about the same order, or about none, of one tenant. Their order is kept.
pub fn groups<'s, 'e>(
    events: &'s [&'e NewEvent],
) -> impl Iterator<Item = &'s [&'e NewEvent]> + use<'s, 'e> {
    events
        .chunk_by(|a, b| a.order_id == b.order_id && a.tenant == b.tenant)
        .flat_map(|group| group.chunks(MOST))
}
