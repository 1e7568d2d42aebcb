-- For wrk: orders in the sales dialect, one line each, over SKUS skus named product-0, product-1, … (default 1000;
-- SKU names a single hot one), every order with an idempotency key that never was. TOKEN is a Bearer token.
local token = assert(os.getenv("TOKEN"), "TOKEN must hold a Bearer token")
local hot = os.getenv("SKU")
local skus = tonumber(os.getenv("SKUS") or "1000")

local threads = 0
function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. token }
local sent = 0

function init()
  math.randomseed(os.time() * 1000 + number)
end

-- 128 random bits in the form of a UUID: keys that rise would be kinder to an index than those of real clients.
local function key()
  local r = math.random
  return string.format("%04x%04x-%04x-4%03x-%04x-%04x%04x%04x", r(0, 65535), r(0, 65535), r(0, 65535), r(0, 4095),
    r(32768, 49151), r(0, 65535), r(0, 65535), r(0, 65535))
end

function request()
  sent = sent + 1
  headers["Idempotency-Key"] = key()
  local body = string.format('{"customerId":"customer-%d","items":[{"productId":"%s","quantity":1,"price":29.99}]}',
    sent, hot or ("product-" .. sent % skus))
  return wrk.format("POST", "/api/orders", headers, body)
end

-- One line for a script to read, after wrk's own report.
function done(summary, latency)
  local errors = summary.errors
  print(string.format("RESULT orders_per_s=%.0f p99_ms=%.1f orders=%d bad_status=%d socket_errors=%d",
    summary.requests / (summary.duration / 1e6), latency:percentile(99) / 1000, summary.requests, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
