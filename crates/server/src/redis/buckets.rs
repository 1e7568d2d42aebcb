//! Buckets of rate limits in Redis: one key each, which holds the time at which the bucket is full again, by Redis's own
//! clock, and expires then.

use std::sync::Arc;

use async_trait::async_trait;
use redis::Script;

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

pub struct Buckets {
    server: Arc<Server>,
    prefix: String,
    take: Script,
}

impl Buckets {
    /// Those of an installation, apart from those of others at the same server.
    pub fn at(server: Arc<Server>, installation: &str) -> Self {
        Self {
            server,
            prefix: format!("waybill:{installation}:rate:"),
            take: Script::new(TAKE),
        }
    }
}

#[async_trait]
impl SharedBuckets for Buckets {
    async fn take(&self, bucket: &str, quota: Quota, wanted: u32) -> Result<Taken, NotTaken> {
        let asked = self.server.ask(async |mut connection| {
            let mut take = self.take.key(format!("{}{bucket}", self.prefix));
            take.arg(quota.cost_micros()).arg(wanted).arg(WINDOW_MICROS);
            take.invoke_async::<(u32, i64, bool)>(&mut connection).await
        });
        let (granted, used_micros, was_damaged) = asked.await?;
        Ok(Taken {
            granted: granted.min(wanted),
            used_micros,
            was_damaged,
        })
    }
}
