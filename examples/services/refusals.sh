#!/usr/bin/env bash
# What is refused, and with which words.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

echo "# a wrong secret"
call POST "$order_url/auth/token" "{\"client_id\":\"$client_id\",\"client_secret\":\"wrong\",\"grant_type\":\"client_credentials\"}"

echo "# no token"
call POST "$order_url/orders" '{}'

authorization="Authorization: Bearer $(token)"
echo "# an order that costs nothing"
call POST "$order_url/orders" '{"customer_id":"c","items":[{"product_id":"p","quantity":1,"unit_price":0}]}' -H "$authorization"

echo "# a product that there is none of"
call POST "$order_url/orders" '{"customer_id":"c","items":[{"product_id":"out-of-stock","quantity":1,"unit_price":1}]}' -H "$authorization"

echo "# an order that is not there"
call GET "$order_url/orders/nonsense" '' -H "$authorization"

echo "# a shipment that is not there"
call GET "$delivery_url/delivery/shipment/nonsense" '' -H "$authorization"
