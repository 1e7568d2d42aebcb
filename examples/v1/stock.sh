#!/usr/bin/env bash
# Counting stock, selling the last unit, and the refusal of the next order.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../sales/settings.sh"

sku="LAMP-$RANDOM"
echo "# one on the shelf"
call PUT "/v1/stock/$sku" '{"onHand": 1, "reason": "count"}'
for n in 1 2; do
    echo "# order $n"
    call POST /v1/orders "{\"currency\":\"EUR\",\"lines\":[{\"sku\":\"$sku\",\"quantity\":1,\"unitPrice\":\"40.00\"}]}" \
        -H "Idempotency-Key: $(fresh_key)"
done
echo "# what is left"
call GET "/v1/stock?sku=$sku"
