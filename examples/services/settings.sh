#!/usr/bin/env bash
# Read by the other scripts: where the services are, and who we are.
order_url=${ORDER_URL:-http://127.0.0.1:3000}
delivery_url=${DELIVERY_URL:-$order_url}
client_id=${CLIENT_ID:-demo-client}
client_secret=${CLIENT_SECRET:-demo-secret}

# call METHOD URL [BODY] [curl options]: prints the body, then the status.
call() {
    local method=$1 url=$2 body=${3:-}
    shift $(($# < 3 ? $# : 3))
    curl -sS -X "$method" "$url" -H 'Content-Type: application/json' ${body:+-d "$body"} -w '\n%{http_code}\n' "$@"
}

# field NAME: the first text field of that name in what comes in.
field() { grep -oE "\"$1\":\"[^\"]*\"" | sed -n '1s/.*:"\(.*\)"/\1/p'; }

# A token for this client and its secret.
token() {
    call POST "$order_url/auth/token" \
        "{\"client_id\":\"$client_id\",\"client_secret\":\"$client_secret\",\"grant_type\":\"client_credentials\"}" |
        field access_token
}
