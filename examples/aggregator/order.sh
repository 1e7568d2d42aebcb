#!/usr/bin/env bash
# An order of one product, an order with everything, and its way from pending to confirmed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

echo "# one product"
call POST "$url/order" '{"productId":"MOUSE-001","quantity":1,"customerId":"test"}'

echo "# two products, with an address"
answer=$(call POST "$url/api/orders" '{
  "customerId": "customer-123", "customerEmail": "customer@example.org",
  "items": [{"sku": "MOUSE-001", "quantity": 1}, {"sku": "KEYBOARD-001", "quantity": 1, "unitPrice": 139.99}],
  "shippingAddress": {"street": "1 Main St", "city": "Springfield", "state": "IL", "zipCode": "62701", "country": "USA"},
  "paymentMethod": "credit_card", "notes": "Ring twice"}')
echo "$answer"

echo "# once the vendors have agreed"
reaches "$(field orderId <<<"$answer")" confirmed
