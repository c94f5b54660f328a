#!/bin/sh
# SPDX-License-Identifier: MIT
# selftest.sh CC CXX PYTHON — proves that the checks pass a clean tree and catch what is planted in it.
# (includes.cmake has a proof of its own.)
# shellcheck disable=SC2317 # the checks are functions that are called by name
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cc=$1 cxx=$2 python=$3
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

# A small project that every check accepts, with a library and a plugin made of it.
plant_clean_tree() {
    rm -rf "${tree:?}"/*
    mkdir -p "$tree/ogr_mapillary/core" "$tree/ogr_mapillary/io" "$tree/ogr_mapillary/ogr"
    cat >"$tree/ogr_mapillary/core/status.h" <<'END'
/* SPDX-License-Identifier: MIT */
/* status.h — how functions answer.
 * Owner: nobody. Threads: any. */
#ifndef MLY_STATUS_H
#define MLY_STATUS_H
int mly_fail(int code);
const char *mly_status_name(int code);
#endif
END
    cat >"$tree/ogr_mapillary/core/status.c" <<'END'
#include "status.h"

static const char *const names[] = {"ok", "not"};

int mly_fail(int code)
{
    return code;
}

const char *mly_status_name(int code)
{
    return names[code != 0];
}
END
    cat >"$tree/ogr_mapillary/io/entry.h" <<'END'
/* SPDX-License-Identifier: MIT */
/* entry.h — files of the cache.
 * Owner: nobody. Threads: any. */
#ifndef MLY_ENTRY_H
#define MLY_ENTRY_H
struct mly_span;
int mly_entry_read(struct mly_span bytes);
#endif
END
    mkdir -p "$tree/tests/fuzz/corpus/entry"
    echo seed >"$tree/tests/fuzz/corpus/entry/seed"
    echo 'int main(void) { return 0; }' >"$tree/tests/fuzz/fuzz_entry.c"
    # shellcheck disable=SC2016 # those backticks are the document's
    printf '# Fuzz\n\n## Targets\n\n| `entry` | files |\n\n## Functions\n\n| `mly_entry_read` |\n' \
        >"$tree/tests/fuzz/README.md"
    echo '#define MLY_VERSION "@PROJECT_VERSION@"' >"$tree/ogr_mapillary/ogr/version.h.in"
    cat >"$tree/ogr_mapillary/ogr/driver.cpp" <<'END'
#include <gdal_version.h>
#include "version.h"

const char *mly_driver_version()
{
    return GDAL_RELEASE_NAME MLY_VERSION;
}
END
    mkdir -p "$tree/headers/other"
    echo '#define GDAL_RELEASE_NAME "9.9.9"' >"$tree/headers/other/gdal_version.h"
    printf '#!/bin/sh\necho hello\n' >"$tree/tool"
    printf '#!/usr/bin/env bash\necho hello\n' >"$tree/other"
    printf 'print("done")\n' >"$tree/tool.py"
    printf '# A project\n\nSee README.md, https://example.org/ELSEWHERE.md and a.md5.\n' >"$tree/README.md"
    echo 'void RegisterOGRMAPILLARY(void){} void GDALRegisterMe(void){}' >"$tree/plugin.c"
}

# The libraries as CMake makes them: members are called FILE.c.o.
build_library() {
    "$cc" -fPIC -c "$tree/ogr_mapillary/core/status.c" -o "$tree/status.c.o"
    rm -f "$tree/libcore.a"
    ar rc "$tree/libcore.a" "$tree/status.c.o"
}

build_plugin() {
    "$cc" -fPIC -shared "$tree/plugin.c" -o "$tree/plugin.so"
}

compat() { "$here/compat.sh" "$tree" "$cxx" "$tree/headers"; }
words() { "$here/words.sh" "$tree"; }
headers() { "$here/headers.sh" "$tree" "$cc" "$cxx"; }
scripts() { "$here/shell.sh" "$tree" "$python"; }
functions() { build_library && "$here/functions.sh" "$tree" "$tree/libcore.a"; }
targets() { "$here/targets.sh" "$tree"; }
exports() { build_plugin && "$here/exports.sh" "$tree/plugin.so"; }

# $1 check: passes the clean tree.
expect_pass() {
    plant_clean_tree
    output=$("$1" 2>&1) || {
        echo "$1 refuses a clean tree: $output"
        failed=1
    }
}

# $1 check, $2 file, $3 line to add to it, $4 what the complaint must say.
expect_caught() {
    plant_clean_tree
    printf '%s\n' "$3" >>"$tree/$2"
    if output=$("$1" 2>&1); then
        echo "$1 passes: $3"
        failed=1
    elif ! echo "$output" | grep -q "$4"; then
        echo "$1 refuses '$3' but does not say '$4': $output"
        failed=1
    fi
}

core=ogr_mapillary/core

expect_pass words
expect_caught words tool "token='ML""Y|123456|0123456789abcdef'" 'access token'
expect_caught words tool "ML""Y%7C123456%7c0123456789abcdef" 'access token'
expect_caught words README.md "cd /wor""k/main" 'one machine'
expect_caught words $core/status.c "/* FIX""ME */" 'unfinished'
expect_caught words README.md "As said in issu""e 12" 'how it came about'
expect_caught words README.md "See ELSEWHERE.""md" 'not here'

expect_pass compat
expect_caught compat ogr_mapillary/ogr/driver.cpp 'int mly_driver_of(int other) { return 0; }' 'unused parameter'
expect_caught compat ogr_mapillary/ogr/driver.cpp 'int mly_driver_of() { return 0; }; GDALDriver *driver;' 'GDALDriver'
expect_caught compat headers/other/gdal_version.h '#undef GDAL_RELEASE_NAME' 'GDAL_RELEASE_NAME'
rm -r "$tree/headers/other"
compat >/dev/null && status=0 || status=$?
[ "$status" -eq 77 ] || {
    echo "compat without headers ends with $status, where 77 is for what was skipped"
    failed=1
}

expect_pass headers
expect_caught headers $core/arena.h '/* arena.h — memory. */' 'does not open with'
expect_caught headers $core/arena.h 'struct mly_arena { size_t used; };' 'does not compile alone as C11'
expect_caught headers $core/arena.h 'struct mly_arena { int used; };' 'does not compile alone as C11'
expect_caught headers $core/status.h 'static inline char *mly_any(void *p) { char *c = p; return c; }' 'as C++17'
expect_caught headers ogr_mapillary/ogr/layer.h 'class Layer : public OGRLayer {};' 'as C++17'

expect_pass scripts
expect_caught scripts tool 'if true; then' 'unexpected'
expect_caught scripts other 'for x in; done)' 'unexpected'
expect_caught scripts tool.py 'def f(:' 'SyntaxError'

expect_pass functions
expect_caught functions $core/status.c "int mly_status_f(void) {$(printf ';\n%.0s' $(seq 61)) return 0; }" 'longer than'
expect_caught functions $core/status.c 'int mly_other_name(void) { return 0; }' 'status.c.mly_other_name'
expect_caught functions $core/status.c 'int helper(void) { return 0; }' 'status.c.helper'
expect_caught functions $core/status.c 'int mly_status_calls(void) { static int n; return n++; }' 'mutable globals'
expect_caught functions $core/status.c 'int mly_status_last = 3;' 'mutable globals'
expect_caught functions $core/status.c '_Thread_local int mly_status_own;' 'mutable globals'

expect_pass targets
expect_caught targets tests/fuzz/fuzz_header.c 'int main(void) { return 0; }' "the target 'header' is not there"
expect_caught targets tests/fuzz/fuzz_header.c 'int main(void) { return 0; }' 'has no corpus'
expect_caught targets ogr_mapillary/io/header.h 'int mly_header_read(struct mly_span line);' 'stands in no row'
plant_clean_tree
sed -i 's/struct mly_span bytes/int fd/' "$tree/ogr_mapillary/io/entry.h"
targets 2>&1 | grep -q 'no function takes bytes' || {
    echo "targets passes where it finds nothing to look at"
    failed=1
}
# shellcheck disable=SC2016 # those backticks are the document's
expect_caught targets tests/fuzz/README.md '| `mly_entry_forget` |' "no function 'mly_entry_forget'"

expect_pass exports
expect_caught exports plugin.c 'int helper(void) { return 0; }' 'helper'
expect_caught exports plugin.c '__asm__(".hidden GDALRegisterMe");' 'should export only'
exit $failed
