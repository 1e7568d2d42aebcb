#!/usr/bin/env bash
# Twelve units of which no vendor has so many, and the order cancelled, so that both get theirs back.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

echo "# what the vendors have"
command_line stock sync

echo "# twelve laptops"
answer=$(call POST "$url/api/orders" '{"customerId":"customer-123","items":[{"sku":"LAPTOP-001","quantity":12}]}')
echo "$answer"
id=$(field orderId <<<"$answer")
reaches "$id" confirmed >/dev/null

echo "# cancelled"
call POST "$url/api/orders/$id/cancel" '{"reason":"changed my mind"}'
