#!/bin/sh
# SPDX-License-Identifier: MIT
# headers.sh ROOT CC CXX — every header compiles alone and twice, and opens with what its reader needs to know.
set -eu

# Headers of inline C11 that stay inside core. All others of core and io can be seen by the shim: they are C++ as well.
c_only='core/wire.h'

root=$1 cc=$2 cxx=$3
cd "$root/ogr_mapillary"
failed=0
complain() {
    echo "ogr_mapillary/$1: $2"
    failed=1
}

# $1 header, $2 what it is compiled as, the rest the compiler's words. The translation unit is the header, twice: what
# it lacks and what its guard misses both show.
compiles() {
    header=$1 as=$2
    shift 2
    printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
        "$@" -Wall -Wextra -Wpedantic -Wconversion -Werror -fsyntax-only -I. - ||
        complain "$header" "does not compile alone as $as"
}

# The comment that opens a file, after the licence line, in one line: a block, or lines of //.
opening_comment() {
    awk 'NR == 1 && /SPDX-License-Identifier/ { next }
        /^\/\// { sub(/^\/\/ ?/, ""); text = text $0 " "; next }
        /^\/\*/ { sub(/^\/\* ?/, ""); in_block = 1 }
        in_block { text = text $0 " " }
        !in_block || /\*\// { exit }
        END { print text }' "$1"
}

# "name.h — purpose.", then Owner and Threads.
opens_well() {
    name=$(basename "$1" .h)
    opening_comment "$1" | grep -Eq "^([a-z]+/)?$name\\.h — [^ ]+ [^ ]+ .*Owner: .*Threads: " ||
        complain "$1" "does not open with '$name.h — purpose. Owner: … Threads: …'"
}

headers=$(find core io ogr -name '*.h' | LC_ALL=C sort)
[ -n "$headers" ] || complain . "no headers found"
for header in $headers; do
    opens_well "$header"
    case $header in
    ogr/*)
        # shellcheck disable=SC2046 # flags are words
        compiles "$header" C++17 "$cxx" -x c++ -std=c++17 $(gdal-config --cflags | sed 's/-I/-isystem /g')
        ;;
    *)
        compiles "$header" C11 "$cc" -x c -std=c11
        case " $c_only " in
        *" $header "*) ;;
        *) compiles "$header" C++17 "$cxx" -x c++ -std=c++17 ;;
        esac
        ;;
    esac
done
exit $failed
