#!/usr/bin/env bash
# Shipping and delivering by hand; a step back is refused.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

order='{"customerId":"customer-123","items":[{"productId":"product-456","quantity":1,"price":5}]}'
id=$(call POST /api/orders "$order" | field orderId)
for status in shipped shipped delivered shipped; do
    echo "# $status"
    call POST "/api/orders/$id/simulate-delivery" "{\"status\":\"$status\"}"
done
