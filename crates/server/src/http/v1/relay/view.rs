//! The relay as `GET /v1/relay` shows it.

use serde::Serialize;
use utoipa::ToSchema;
use waybill_domain::ids::OrderId;
use waybill_domain::time::Time;
use waybill_store::{Error, RelayFault, RelayPause, RelayState, Replay, ReplayProgress, Store};

use crate::http::v1::schemas;
use crate::roles::relay::CONSUMER;

/// How far the relay of this store is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Relay)]
pub struct RelayView {
    /// The broker that it publishes to; null when it never ran.
    #[schema(example = "kafka")]
    publisher: Option<String>,
    /// Null when it is not paused.
    pause: Option<PauseView>,
    /// Positions of the log that are not published, over all partitions.
    lag: i64,
    /// Milliseconds since the oldest event that is not published was recorded; 0 when there is none.
    lag_ms: i64,
    /// Orders, and stock rows, with events that the broker did not take: see the dead letters of the consumer `relay`.
    parked_keys: u64,
    /// The last one of any of its processes, perhaps long over.
    last_error: Option<FaultView>,
    /// The newest replay, under way or done.
    replay: Option<ReplayView>,
    /// Each partition of the log.
    partitions: Vec<PartitionView>,
}

/// Why the relay is paused.
#[derive(Serialize, ToSchema)]
#[schema(as = RelayPause)]
pub struct PauseView {
    /// Since when.
    #[schema(value_type = schemas::Timestamp)]
    since: Time,
    /// Who asked for it.
    by: String,
    /// What that person said.
    reason: Option<String>,
}

/// A fault of a process of the relay.
#[derive(Serialize, ToSchema)]
#[schema(as = RelayError)]
struct FaultView {
    /// When.
    #[schema(value_type = schemas::Timestamp)]
    at: Time,
    /// What failed.
    text: String,
}

/// How far the relay is in one partition.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RelayPartition)]
struct PartitionView {
    /// Its number.
    partition: u16,
    /// Every event up to here was published, parked or left out.
    cursor: i64,
    /// The newest position of the log.
    log_end: i64,
    /// Positions between the two.
    lag: i64,
    /// When the oldest event that is not published was recorded.
    #[schema(value_type = Option<schemas::Timestamp>)]
    oldest_unpublished_at: Option<Time>,
    /// Orders, and stock rows, with parked events.
    parked_keys: u64,
    /// Why nothing more is published: the next event cannot be read.
    stopped: Option<String>,
}

/// Events that are published again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RelayReplay)]
pub struct ReplayView {
    /// Its id.
    #[schema(value_type = schemas::Id)]
    id: uuid::Uuid,
    /// When it was asked for.
    #[schema(value_type = schemas::Timestamp)]
    requested_at: Time,
    /// Who asked for it.
    by: String,
    /// Only events of this order.
    #[schema(value_type = Option<schemas::Id>)]
    order_id: Option<OrderId>,
    /// Whether it has come to its end.
    done: bool,
    /// Events sent again so far.
    sent: u64,
    /// Events left out: the broker does not take them, or events of their order are parked.
    left_out: u64,
    /// The partitions that it goes through.
    partitions: Vec<ReplayPartitionView>,
}

/// A replay in one partition.
#[derive(Serialize, ToSchema)]
#[schema(as = RelayReplayPartition)]
struct ReplayPartitionView {
    /// Its number.
    partition: u16,
    /// It begins after this position.
    after: i64,
    /// How far it is.
    at: i64,
    /// Its last position.
    to: i64,
}

impl RelayView {
    /// Reads how far the relay is.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn read(store: &dyn Store, now: Time) -> Result<Self, Error> {
        let (state, stats) = (store.relay_state().await?, store.stats().await?);
        let parked = store.parked_keys(CONSUMER).await?;
        let mut partitions = vec![];
        let mut oldest: Option<Time> = None;
        for partition in 0..store.identity().partitions {
            let mut cursors = stats.cursors.iter();
            let cursor = cursors.find(|(consumer, of, _)| consumer == CONSUMER && *of == partition);
            let cursor = cursor.map_or(0, |(_, _, position)| *position);
            let start = state.start.as_ref().map_or(0, |start| start.of(partition));
            let (cursor, log_end) = (cursor.max(start), stats.log_positions.of(partition));
            let next = store.read_all(partition, cursor, 1).await;
            let (at, stopped) = match next {
                Ok(events) => (events.first().map(|event| event.recorded_at), None),
                Err(error) if error.is_poison() => (None, Some(error.to_string())),
                Err(error) => return Err(error),
            };
            oldest = oldest.into_iter().chain(at).min();
            let keys = parked.iter().find(|(of, _)| *of == partition);
            partitions.push(PartitionView {
                partition,
                cursor,
                log_end,
                lag: (log_end - cursor).max(0),
                oldest_unpublished_at: at,
                parked_keys: keys.map_or(0, |(_, keys)| *keys),
                stopped,
            });
        }
        let RelayState {
            pause,
            replay,
            progress,
            publisher,
            last_fault,
            ..
        } = state;
        Ok(Self {
            publisher,
            pause: pause.as_ref().map(PauseView::of),
            lag: partitions.iter().map(|p| p.lag).sum(),
            lag_ms: oldest.map_or(0, |oldest| now.ms_since(oldest).max(0)),
            parked_keys: partitions.iter().map(|p| p.parked_keys).sum(),
            last_error: last_fault.map(|RelayFault { at, text }| FaultView { at, text }),
            replay: replay.map(|replay| ReplayView::of(&replay, &progress)),
            partitions,
        })
    }
}

impl PauseView {
    pub fn of(pause: &RelayPause) -> Self {
        Self {
            since: pause.since,
            by: pause.by.clone(),
            reason: pause.reason.clone(),
        }
    }
}

impl ReplayView {
    pub fn of(replay: &Replay, progress: &[ReplayProgress]) -> Self {
        let all = (0u16..).zip(&replay.to.0);
        let all: Vec<ReplayProgress> = all.map(|(n, _)| replay.at(progress, n)).collect();
        let goes_through =
            |p: &&ReplayProgress| replay.after.of(p.partition) < replay.to.of(p.partition);
        let partition = |p: &ReplayProgress| ReplayPartitionView {
            partition: p.partition,
            after: replay.after.of(p.partition),
            at: p.at,
            to: replay.to.of(p.partition),
        };
        Self {
            id: replay.id,
            requested_at: replay.requested_at,
            by: replay.by.clone(),
            order_id: replay.order,
            done: all.iter().all(|p| replay.is_done(p)),
            sent: all.iter().map(|p| p.sent).sum(),
            left_out: all.iter().map(|p| p.left_out).sum(),
            partitions: all.iter().filter(goes_through).map(partition).collect(),
        }
    }
}
