#!/bin/sh
# SPDX-License-Identifier: MIT
# cppcheck.sh ROOT — cppcheck over the plugin's sources. A suppression names its reason:
# "cppcheck-suppress id ; why".
set -eu
. "$(dirname "$0")/files.sh"

cd "$1"
failed=0

silent=$(project_sources . | xargs grep -n 'cppcheck-suppress' |
    grep -vE 'cppcheck-suppress[a-z-]* [^;]+; [^ ]+ [^ ]+') && {
    echo "cppcheck is silenced without a reason:"
    echo "$silent"
    failed=1
}

# $1 language standard, the rest folders.
check() {
    standard=$1
    shift
    cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr \
        --suppress=missingIncludeSystem --std="$standard" -I ogr_mapillary -j "$(nproc)" "$@" || failed=1
}
check c11 ogr_mapillary/core ogr_mapillary/io
check c++17 ogr_mapillary/ogr
exit $failed
