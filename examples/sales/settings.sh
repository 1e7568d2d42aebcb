#!/usr/bin/env bash
# Read by the other scripts: where the server is, and who we are.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
url=${WAYBILL_URL:-http://127.0.0.1:3000}
token_file=${DATA:-$root/waybill-data}/admin.token
if [ -z "${TOKEN:-}" ]; then
    [ -r "$token_file" ] || { echo "no token: start \`waybill demo\` first, or set TOKEN" >&2; exit 1; }
    TOKEN=$(cat "$token_file")
fi

# call METHOD PATH [BODY] [curl options]: prints the body, then the status.
call() {
    local method=$1 path=$2 body=${3:-}
    shift $(($# < 3 ? $# : 3))
    curl -sS -X "$method" "$url$path" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
        ${body:+-d "$body"} -w '\n%{http_code}\n' "$@"
}

# field NAME: the first text field of that name in what comes in.
field() { grep -oE "\"$1\":\"[^\"]*\"" | sed -n '1s/.*:"\(.*\)"/\1/p'; }

fresh_key() { echo "example-$$-$RANDOM-$RANDOM-$(date +%s)"; }
