#!/usr/bin/env bash
# What is refused, and with which words.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

echo "# nothing in it"
call POST "$url/order" '{}'

echo "# more than there is"
call POST "$url/order" '{"productId":"LAPTOP-001","quantity":1000,"customerId":"test"}'

echo "# what nobody has"
call POST "$url/api/orders" '{"customerId":"customer-123","items":[{"sku":"NOTHING-001","quantity":1}]}'

echo "# no customer"
call POST "$url/api/orders" '{"items":[{"sku":"LAPTOP-001","quantity":1}]}'

echo "# an order that is not there"
call POST "$url/api/orders/019a0000-0000-7000-8000-000000000000/cancel" '{"reason":"test"}'
