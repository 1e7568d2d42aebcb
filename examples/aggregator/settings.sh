#!/usr/bin/env bash
# Read by the other scripts: where the server, its vendors and its data are. No call of this dialect needs a token.
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$folder/../.." && pwd)
waybill=${WAYBILL:-$root/target/release/waybill}
data=${DATA:-$folder/data}
listen=${LISTEN:-127.0.0.1:3000}
url=${WAYBILL_URL:-http://$listen}

# vendor NAME: the address of a vendor of the demo, which it says when it is ready.
vendor() { grep -o "$1 at http[^\" ]*" "$data/ready.json" | sed 's/.* at //'; }

# call METHOD ADDRESS [BODY] [curl options]: prints the body, then the status.
call() {
    local method=$1 address=$2 body=${3:-}
    shift $(($# < 3 ? $# : 3))
    curl -sS -X "$method" "$address" -H 'Content-Type: application/json' ${body:+-d "$body"} -w '\n%{http_code}\n' "$@"
}

# field NAME: the first text field of that name in what comes in.
field() { grep -oE "\"$1\":\"[^\"]*\"" | sed -n '1s/.*:"\(.*\)"/\1/p'; }

# reaches ID STATUS: waits until an order stands so, and prints it.
reaches() {
    local answer
    for _ in $(seq 120); do
        answer=$(call GET "$url/api/orders/$1")
        case $answer in *"\"order\":{"*"\"status\":\"$2\""*) echo "$answer"; return ;; esac
        sleep 0.25
    done
    echo "not $2 within 30 s: $answer" >&2
    return 1
}

# command_line ARGUMENTS: a command of the binary that asks the server, with the token that it left in its data folder.
command_line() { WAYBILL_URL=$url WAYBILL_TOKEN=$(cat "$data/store/admin.token") "$waybill" "$@"; }
