#!/bin/sh
# SPDX-License-Identifier: MIT
# targets.sh ROOT — tests/fuzz/README.md tells the truth: each target is there with what it is fed and has a corpus;
# each function of core and io that takes bytes stands in the table of those, and each name in it is one of a function.
set -eu

cd "$1"
document=tests/fuzz/README.md
failed=0
complain() {
    echo "$document: $*"
    failed=1
}

# Bytes of the driver's own: what it keeps, adds up, asks for, or looks for in what others sent.
own='mly_buf_append mly_hash_bytes mly_record_append mly_store_put mly_store_put_validated mly_graph_member
    mly_request_creator mly_request_image_ids mly_request_images_of_creator'

# The names of functions in headers, with their parameters, each in one line.
declarations() {
    cat ogr_mapillary/core/*.h ogr_mapillary/io/*.h | tr '\n' ' ' | sed 's|/\*\([^*]\|\*[^/]\)*\*/||g' | tr ';' '\n' |
        grep -oE '\bmly_[a-z0-9_]+\([^()]*\)'
}

# Whether the tables name a function: whole, or by its end behind another one of its module.
is_listed() {
    module=$(echo "$1" | cut -d _ -f 1-2)
    grep -qF "\`$1\`" "$document" ||
        grep -F "\`${module}_" "$document" | grep -qF "\`${1#"$module"}\`"
}

for source in tests/fuzz/fuzz_*.c tests/fuzz/fuzz_*.cpp; do
    [ -e "$source" ] || continue
    name=$(basename "$source" | sed 's/^fuzz_\(.*\)\.c.*$/\1/')
    grep -q "^| \`$name\` |" "$document" || complain "the target '$name' is not there"
    [ -n "$(ls "tests/fuzz/corpus/$name" 2>/dev/null)" ] || complain "the target '$name' has no corpus"
done
# shellcheck disable=SC2013,SC2016 # names are words; those backticks are the document's
for name in $(sed -n '/^## Targets/,/^## Functions/s/^| `\([a-z]*\)` |.*/\1/p' "$document"); do
    ls "tests/fuzz/fuzz_$name".c* >/dev/null 2>&1 || complain "there is no target '$name'"
done

all=$(declarations) || complain "no functions found"
takers=$(echo "$all" | grep 'struct mly_span [a-z]') || complain "no function takes bytes"
for name in $(echo "$takers" | cut -d '(' -f 1 | LC_ALL=C sort -u); do
    case " $(echo "$own" | tr -s '\n ' '  ') " in
    *" $name "*) ;;
    *) is_listed "$name" || complain "'$name' takes bytes and stands in no row" ;;
    esac
done
# shellcheck disable=SC2016 # likewise
for name in $(grep -oE '`mly_[a-z0-9_]+`' "$document" | tr -d '`' | LC_ALL=C sort -u); do
    echo "$all" | grep -q "^$name(" || complain "there is no function '$name'"
done
exit $failed
