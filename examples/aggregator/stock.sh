#!/usr/bin/env bash
# Reading the stock of all vendors, of one, and adding it up.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

echo "# as VendorA tells it"
call GET "$(vendor VendorA)/stock"

echo "# all vendors"
command_line stock sync
echo "# one vendor"
command_line stock sync VendorB
echo "# added up"
command_line stock aggregate
