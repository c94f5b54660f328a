#!/bin/sh
# SPDX-License-Identifier: MIT
# compat.sh ROOT CXX HEADERS — the shim compiles without a warning with the headers of other GDALs: those in each folder
# of HEADERS, where tests/compat puts them. Skipped where there are none.
set -eu

root=$1 cxx=$2 headers=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
sed 's/@PROJECT_VERSION@/0/' "$root/ogr_mapillary/ogr/version.h.in" >"$scratch/version.h"
failed=0 compiled=0

for folder in "$headers"/*/; do
    [ -f "$folder/gdal_version.h" ] || continue
    version=$(sed -n 's/.*GDAL_RELEASE_NAME *"\(.*\)".*/\1/p' "$folder/gdal_version.h")
    result=compiled
    # What a file is told goes out at once, so that what is said of two files at a time does not mix.
    # shellcheck disable=SC2016 # the dollars are the inner shell's
    printf '%s\0' "$root"/ogr_mapillary/ogr/*.cpp |
        xargs -0 -n 1 -P "$(nproc)" sh -c 'said=$("$@" 2>&1) || { echo "$said"; exit 1; }' sh \
            "$cxx" -std=c++17 -fsyntax-only -Wall -Wextra -Wpedantic -Wsuggest-override -Wnon-virtual-dtor -Werror \
            -isystem "$folder" -I"$root/ogr_mapillary" -I"$scratch" || result=failed
    echo "GDAL $version ($(basename "$folder")): $result"
    [ "$result" = compiled ] || failed=1
    compiled=1
done
[ "$compiled" = 1 ] || {
    echo "skipped: there are no headers of other GDALs in $headers; tests/compat fetches them"
    exit 77
}
exit $failed
