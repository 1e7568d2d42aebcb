#!/usr/bin/env bash
# A hold keeps an order from shipping; cancelling gives its stock back.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../sales/settings.sh"

order='{"currency":"EUR","lines":[{"sku":"VASE-1","quantity":1,"unitPrice":"12.00"}],"holds":[{"reason":"fraud_review"}]}'
id=$(call POST /v1/orders "$order" -H "Idempotency-Key: $(fresh_key)" | field id)
echo "# what it may become, and what must happen first"
call GET "/v1/orders/$id/transitions"
echo "# cancel it"
call POST "/v1/orders/$id/cancel" '{"reason":"the customer changed their mind"}'
echo "# a second time it is refused, with what is allowed"
call POST "/v1/orders/$id/cancel" '{"reason":"again"}'
