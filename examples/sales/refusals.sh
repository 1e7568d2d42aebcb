#!/usr/bin/env bash
# The answers to an invalid order, one without stock, and one with a used key.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

item() { echo "{\"customerId\":\"customer-123\",\"items\":[{\"productId\":\"$1\",\"quantity\":$2,\"price\":$3}]}"; }

echo "# 400: every fault, with its path"
call POST /api/orders "$(item product-456 0 -1)"
echo "# 422: the simulated inventory has none of it"
call POST /api/orders "$(item product-out-of-stock 1 5)"
echo "# 422: a key that was used for another body"
key=$(fresh_key)
call POST /api/orders "$(item product-456 1 5)" -H "Idempotency-Key: $key" >/dev/null
call POST /api/orders "$(item product-456 2 5)" -H "Idempotency-Key: $key"
echo "# 404"
call GET /api/orders/019a0000-0000-7000-8000-000000000000
echo "# 401, without a token"
curl -sS "$url/api/orders/1" -w '\n%{http_code}\n'
