#!/bin/sh
# SPDX-License-Identifier: MIT
# exports.sh PLUGIN — the plugin exports the two names that GDAL's loader looks for, and no other: whatever else it
# showed could collide with another plugin in the same process.
set -eu

plugin=$1
expected='GDALRegisterMe
RegisterOGRMAPILLARY'

actual=$(nm -D --defined-only --format=posix "$plugin" | awk '{sub(/@.*/, "", $1); print $1}' | LC_ALL=C sort)
[ "$actual" = "$expected" ] || {
    echo "$plugin exports:"
    echo "$actual" | sed 's/^/    /'
    echo "and should export only:"
    echo "$expected" | sed 's/^/    /'
    exit 1
}
