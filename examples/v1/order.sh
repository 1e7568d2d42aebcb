#!/usr/bin/env bash
# A full order, what came of it, and each step as it happens.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../sales/settings.sh"

order='{
  "clientReference": "'$(fresh_key)'", "channel": "web", "currency": "EUR", "placedAt": "2026-05-04T10:00:00Z",
  "customer": {"id": "c-17", "email": "a@example.org", "locale": "de-DE"},
  "shippingAddress": {"name": "A. Muster", "address1": "Weg 1", "city": "Ulm", "postalCode": "89073", "countryCode": "DE"},
  "lines": [{"sku": "MUG-1", "name": "Mug", "quantity": 2, "unitPrice": "12.90", "discount": "1.00", "tax": "3.96"}],
  "shippingLines": [{"code": "std", "price": "4.90", "tax": "0.78"}],
  "taxIncluded": true, "total": "29.70", "paymentStatus": "paid", "metadata": {"campaign": "x"}
}'
call PUT /v1/stock/MUG-1 '{"delta": 10, "reason": "example"}' >/dev/null

echo "# place it: 201, Location, ETag"
answer=$(call POST /v1/orders "$order" -i)
echo "$answer"
id=$(sed -nE 's/^[Ll]ocation: .*\/([^/[:space:]]+).*/\1/p' <<<"$answer")

echo "# watch it until it is delivered"
curl -sSN --max-time 60 -H "Authorization: Bearer $TOKEN" "$url/v1/orders/$id/stream" | while IFS= read -r line; do
    echo "$line"
    case "$line" in *order.delivered*) exit 0 ;; esac
done || true

echo "# all of its events"
call GET "/v1/orders/$id/events"
