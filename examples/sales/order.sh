#!/usr/bin/env bash
# An order from POST to Delivered, and the same key again.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

order='{"customerId":"customer-123","items":[{"productId":"product-456","quantity":2,"price":29.99}]}'
key=$(fresh_key)

echo "# place it"
answer=$(call POST /api/orders "$order" -H "Idempotency-Key: $key")
echo "$answer"
id=$(field orderId <<<"$answer")

echo "# the same key and body again: the same order, and Idempotent-Replayed: true"
call POST /api/orders "$order" -H "Idempotency-Key: $key" -i | grep -iE '^(HTTP|idempotent)|orderId'

echo "# it travels by itself"
last=
for _ in $(seq 120); do
    status=$(call GET "/api/orders/$id" | field status)
    [ "$status" = "$last" ] || echo "$(date +%T)  $status"
    last=$status
    [ "$status" != Delivered ] || exit 0
    sleep 0.25
done
echo "not delivered within 30 s" >&2
exit 1
