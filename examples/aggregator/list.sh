#!/usr/bin/env bash
# Orders by pages, and those of one status.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

echo "# the newest two"
call GET "$url/api/orders?page=1&limit=2"

echo "# cancelled ones"
call GET "$url/api/orders?status=cancelled&limit=2"
