#!/usr/bin/env bash
# An order that waits for stock, why it waits, and how it goes on when there is more.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../sales/settings.sh"

# becomes ID STATUS: waits until the order has that status.
becomes() {
    for _ in $(seq 100); do
        [ "$(call GET "/v1/orders/$1" | field status)" != "$2" ] || return 0
        sleep 0.1
    done
    echo "order $1 did not become $2" >&2
    return 1
}

sku="CHAIR-$RANDOM"
call PUT "/v1/stock/$sku" '{"onHand": 1, "reason": "count"}' >/dev/null
order='{"currency":"EUR","allocationPolicy":"backorder","lines":[{"sku":"'$sku'","quantity":3,"unitPrice":"80.00"}]}'
echo "# three are ordered, one is there"
id=$(call POST /v1/orders "$order" -H "Idempotency-Key: $(fresh_key)" | field id)
becomes "$id" backordered
call GET "/v1/orders/$id/explain"
echo "# two more arrive"
call PUT "/v1/stock/$sku" '{"delta": 2, "reason": "delivery"}'
becomes "$id" processing
call GET "/v1/orders/$id/explain"
