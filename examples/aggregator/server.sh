#!/usr/bin/env bash
# Starts and stops a server with its two vendors; everything that it leaves is in one folder.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

pid() { sed -n 's/.*"pid":\([0-9]*\).*/\1/p' "$data/ready.json" 2>/dev/null; }
running() { [ -n "$(pid)" ] && kill -0 "$(pid)" 2>/dev/null; }

setup() {
    [ -x "$waybill" ] || (cd "$root" && cargo build --release)
    "$waybill" --version
}

up() {
    if running; then
        echo "it runs already, at $url"
        return
    fi
    mkdir -p "$data/logs"
    rm -f "$data/ready.json"
    WAYBILL_LOG__FOLDER="$data/logs" nohup "$waybill" demo --json --data "$data/store" --listen "$listen" \
        >"$data/ready.json" 2>"$data/output.log" </dev/null &
    local started=$!
    for _ in $(seq 300); do
        if [ -s "$data/ready.json" ]; then
            echo "ready at $url, vendors at $(vendor VendorA) and $(vendor VendorB)"
            return
        fi
        kill -0 "$started" 2>/dev/null || break
        sleep 0.1
    done
    echo "it did not start:" >&2
    cat "$data/output.log" >&2
    return 1
}

down() {
    if ! running; then
        echo "it does not run"
        return
    fi
    kill "$(pid)"
    for _ in $(seq 300); do
        running || { echo "stopped"; return; }
        sleep 0.1
    done
    echo "it did not stop within 30 s" >&2
    return 1
}

status() {
    call GET "$url/health"
    for name in VendorA VendorB; do
        call GET "$(vendor "$name")/health"
    done
}

logs() { tail -n 50 ${FOLLOW:+-F} "$data/logs/combined.log" "$data/logs/error.log"; }

clean() {
    down
    rm -rf "$data"
}

case ${1:-} in
setup | up | down | status | logs | clean) "$1" ;;
*) echo "usage: $0 setup|up|down|status|logs|clean" >&2; exit 2 ;;
esac
