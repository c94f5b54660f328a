#!/bin/sh
# SPDX-License-Identifier: MIT
# shell.sh ROOT PYTHON — scripts parse: those of sh and bash in their own shell, and shellcheck, where it is installed,
# finds nothing in them; those of Python in PYTHON.
set -eu
. "$(dirname "$0")/files.sh"

root=$1 python=$2
cd "$root"
failed=0

# The first line tells what a file without extension is; sourced files say it to shellcheck.
scripts_of() {
    project_files . | grep -vE '\.(pbf|mvt|png|gpkg)$|^tests/fuzz/corpus/' | while IFS= read -r file; do
        if head -n 1 "$file" | tr -d '\0' | grep -qE "$1"; then
            printf '%s\n' "$file"
        fi
    done
}

check_all() {
    shell=$1 pattern=$2
    files=$(scripts_of "$pattern")
    [ -n "$files" ] || {
        echo "no $shell scripts found"
        failed=1
    }
    for file in $files; do
        "$shell" -n "$file" || failed=1
    done
    if command -v shellcheck >/dev/null; then
        echo "$files" | xargs shellcheck || failed=1
    fi
}

check_all sh '^#!/bin/sh|^# shellcheck shell=sh'
check_all bash '^#!/usr/bin/env bash|^#!/bin/bash'

sources=$({ project_files . | grep '\.py$'; scripts_of '^#!/usr/bin/(env )?python3'; } | sort -u)
# shellcheck disable=SC2086 # paths of the project have no spaces
"$python" -c 'import sys
for path in sys.argv[1:]:
    with open(path, "rb") as source:
        compile(source.read(), path, "exec")' $sources || failed=1
exit $failed
