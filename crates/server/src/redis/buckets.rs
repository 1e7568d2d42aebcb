//! Buckets of rate limits in Redis: one key each, which holds the time at which the bucket is full again, by Redis's own
//! clock, and expires then.

use std::sync::Arc;

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use redis::{RedisError, Script};
use tokio::sync::oneshot;

use super::server::Server;
use crate::resilience::quota::{Quota, WINDOW_MICROS};
use crate::resilience::shared_limit::{NotTaken, SharedBuckets, Taken};

/// Takes requests out of a bucket; the arithmetic is that of `resilience::rate_limit`. A value that is not the time of a
/// bucket is taken for that of a full one and replaced. `SET` with `PX` leaves no key without expiry.
const TAKE: &str = r"
local cost, wanted, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local known = redis.pcall('GET', KEYS[1])
local full_at, damaged = now, 0
if known then
  local is_time = type(known) == 'string' and #known <= 16 and string.match(known, '^%d+$')
  if is_time and tonumber(known) <= now + window then
    full_at = math.max(now, tonumber(known))
  else
    damaged = 1
  end
end
local granted = math.min(wanted, math.floor((now + window - full_at) / cost))
if granted > 0 then
  full_at = full_at + granted * cost
  redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000))
end
return {granted, full_at - now, damaged}
";

/// What the look for the server takes of a bucket of its own: so little that it always gives it.
const PROBE_COST_MICROS: i64 = 1;

pub struct Buckets {
    server: Arc<Server>,
    /// What every key begins with.
    prefix: String,
    take: Script,
}

impl Buckets {
    /// Those of an installation, apart from those of others at the same server.
    pub fn at(server: Arc<Server>, installation: &str) -> Self {
        Self {
            server,
            prefix: format!("waybill:{installation}:"),
            take: Script::new(TAKE),
        }
    }

    /// Looks whether buckets can be used, and tries again while they cannot. Runs until it is dropped. `first_look` is
    /// told when it knows more.
    ///
    /// The look takes a request out of a bucket, as requests do, so that a login or a server that does not let scripts
    /// run or write is found to be of no use.
    pub async fn watch(&self, first_look: oneshot::Sender<()>) {
        let mut first_look = Some(first_look);
        let key = format!("{}probe", self.prefix);
        loop {
            let looked = self.server.look(async |connection| {
                self.take_at(connection, &key, PROBE_COST_MICROS, 1).await
            });
            let wait = looked.await;
            // Nothing waits for the first look any more when it took long.
            let _waited = first_look.take().map(|looked| looked.send(()));
            tokio::time::sleep(wait).await;
        }
    }

    /// What was granted, the time until the bucket is full again, and whether it was damaged.
    async fn take_at(
        &self,
        mut connection: MultiplexedConnection,
        key: &str,
        cost_micros: i64,
        wanted: u32,
    ) -> Result<(u32, i64, bool), RedisError> {
        let mut take = self.take.key(key);
        take.arg(cost_micros).arg(wanted).arg(WINDOW_MICROS);
        take.invoke_async(&mut connection).await
    }
}

#[async_trait]
impl SharedBuckets for Buckets {
    async fn take(&self, bucket: &str, quota: Quota, wanted: u32) -> Result<Taken, NotTaken> {
        let key = format!("{}rate:{bucket}", self.prefix);
        let asked = self.server.ask(async |connection| {
            self.take_at(connection, &key, quota.cost_micros(), wanted)
                .await
        });
        let (granted, used_micros, was_damaged) = asked.await?;
        Ok(Taken {
            granted: granted.min(wanted),
            used_micros,
            was_damaged,
        })
    }
}
