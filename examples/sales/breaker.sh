#!/usr/bin/env bash
# The circuit breaker before the inventory service: six of ten calls fail, so it soon opens (five failures in a
# row), refuses at once while it is open, lets one call try after a second, and closes when that one succeeds.
# Starts a server of its own. WAYBILL is the program (default: the release build of this repository).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
waybill=${WAYBILL:-${CARGO_TARGET_DIR:-$root/target}/release/waybill}
[ -x "$waybill" ] || { echo "$waybill is not there; cargo build --release, or set WAYBILL" >&2; exit 1; }

folder=$(mktemp -d)
INVENTORY_FAILURE_RATE=60 CIRCUIT_BREAKER_RESET_TIMEOUT=1000 \
    "$waybill" demo --json --listen 127.0.0.1:0 --data "$folder/data" >"$folder/ready.json" 2>"$folder/log" &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
for _ in $(seq 100); do
    [ ! -s "$folder/ready.json" ] || break
    sleep 0.1
done
url=$(sed -nE 's/.*"url":"([^"]*)".*/\1/p' "$folder/ready.json")
[ -n "$url" ] || { cat "$folder/log" >&2; exit 1; }
token=$(cat "$folder/data/admin.token")

order='{"customerId":"customer-123","items":[{"productId":"product-456","quantity":1,"price":5}]}'
opened=false
last=
for n in $(seq 400); do
    status=$(curl -sS -o "$folder/answer" -w '%{http_code}' "$url/api/orders" -H "Authorization: Bearer $token" \
        -H 'Content-Type: application/json' -d "$order")
    breaker=$(curl -sS "$url/health" | sed -nE 's/.*"circuitBreakers":\{"inventory":"([^"]*)".*/\1/p')
    if [ "$breaker" != "$last" ]; then
        echo "order $n: answered $status, and the breaker is $breaker"
        [ "$breaker" != open ] || echo "  $(sed -nE 's/.*"message":"([^"]*)".*/\1/p' "$folder/answer")"
    fi
    last=$breaker
    [ "$breaker" != open ] || { opened=true; sleep 0.1; }
    if $opened && [ "$breaker" = closed ]; then
        echo "it opened, and it closed again"
        exit 0
    fi
done
echo "not seen to open and close in 400 orders" >&2
exit 1
