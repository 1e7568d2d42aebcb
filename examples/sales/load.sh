#!/usr/bin/env bash
# 5000 orders with curl, 500 at a time, each with its own key; all must be answered 2xx.
# (`waybill load --orders 5000 --connections 500 --wait-delivered` does the same, faster, and measures.)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
orders=${ORDERS:-5000}
at_a_time=${AT_A_TIME:-500}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
run=$(fresh_key)
for n in $(seq "$orders"); do
    [ "$n" = 1 ] || echo next
    cat <<CURL
url = "$url/api/orders"
header = "Authorization: Bearer $TOKEN"
header = "Content-Type: application/json"
header = "Idempotency-Key: $run-$n"
data = "{\"customerId\":\"customer-$n\",\"items\":[{\"productId\":\"product-$((n % 1000))\",\"quantity\":1,\"price\":29.99}]}"
output = "/dev/null"
write-out = "%{http_code}\n"
CURL
done >"$folder/orders.conf"

begun=$(date +%s%N)
curl -sS --no-progress-meter --parallel --parallel-max "$at_a_time" --config "$folder/orders.conf" >"$folder/statuses" || true
ended=$(date +%s%N)
echo "answers by status:"
sort "$folder/statuses" | uniq -c
good=$(grep -c '^2' "$folder/statuses" || true)
echo "$good of $orders taken in $(((ended - begun) / 1000000)) ms"
[ "$good" = "$orders" ]
