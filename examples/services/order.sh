#!/usr/bin/env bash
# A token, an order, the same order again, and its shipment moved by hand until it is delivered.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

echo "# a token for $client_id"
authorization="Authorization: Bearer $(token)"

order="{\"customer_id\":\"customer-$$-$(date +%s)\",\"items\":[{\"product_id\":\"product-456\",\"quantity\":2,\"unit_price\":29.99}]}"
echo "# place an order"
answer=$(call POST "$order_url/orders" "$order" -H "$authorization")
echo "$answer"
id=$(field order_id <<<"$answer")

echo "# the same customer and items again: the first order"
call POST "$order_url/orders" "$order" -H "$authorization"

echo "# its shipment"
shipment=
for _ in $(seq 40); do
    answer=$(call GET "$delivery_url/delivery/shipment/$id" '' -H "$authorization")
    if [ "$(tail -1 <<<"$answer")" = 200 ]; then
        shipment=$(field id <<<"$answer")
        break
    fi
    sleep 0.25
done
echo "$answer"
[ -n "$shipment" ] || { echo "no shipment within 10 s" >&2; exit 1; }

for step in '{"status":"SHIPPED","tracking_number":"TRK-1","carrier":"DHL"}' '{"status":"DELIVERED"}'; do
    echo "# $step"
    call POST "$delivery_url/delivery/shipment/$shipment/status" "$step" -H "$authorization"
done

echo "# the order follows"
for _ in $(seq 40); do
    answer=$(call GET "$order_url/orders/$id" '' -H "$authorization")
    if [ "$(field status <<<"$answer")" = DELIVERED ]; then
        echo "$answer"
        exit 0
    fi
    sleep 0.25
done
echo "not delivered within 10 s: $answer" >&2
exit 1
