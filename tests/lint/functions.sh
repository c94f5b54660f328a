#!/bin/sh
# SPDX-License-Identifier: MIT
# functions.sh ROOT LIBRARY... — a function fits on a screen, a symbol says which file it lives in, and nothing mutable
# is global. LIBRARY are the static libraries of core and io.
set -eu

longest=60
root=$1
shift
failed=0

ctags --version | grep -q 'Universal Ctags' || {
    echo "needs Universal Ctags, which knows where a function ends"
    exit 1
}

# name<TAB>file<TAB>length of every function that is too long
long_functions() {
    find ogr_mapillary \( -name '*.c' -o -name '*.cpp' \) -exec ctags -f - --fields=+ne --kinds-C=f --kinds-C++=f {} + |
        awk -F'\t' -v longest="$longest" '{
            start = end = 0
            for (i = 4; i <= NF; i++) {
                if ($i ~ /^line:/) start = substr($i, 6)
                if ($i ~ /^end:/) end = substr($i, 5)
            }
            if (end - start + 1 > longest) print $1 "\t" $2 "\t" end - start + 1
        }'
}

# Symbols that break the rule "X.c defines mly_X_…", as object<TAB>symbol. The exceptions read well without their file:
# the three of status.c that every file uses, and the makers of transports, which are one family over many files.
# Generated code follows protobuf-c's rules. A name with two leading underscores is the compiler's.
misnamed_symbols() {
    nm -g --defined-only --format=posix "$1" | awk '
        /^.*\[.*\]:$/ { object = $0; sub(/^.*\[/, "", object); sub(/\.c\.o\]:$/, "", object); next }
        NF < 2 || object ~ /\.pb-c$/ || $1 ~ /^__/ { next }
        $1 ~ /^mly_(fail|wrap|status_name)$/ && object == "status" { next }
        $1 ~ /^mly_transport_/ { next }
        index($1, "mly_" object "_") != 1 { print object ".c\t" $1 }'
}

# Objects in writable sections, as object<TAB>section<TAB>symbol. ".data.rel.ro" is written once, by the loader: tables
# of constants that hold pointers live there.
mutable_globals() {
    objdump -t "$1" | awk '
        / file format / { object = $1; sub(/:$/, "", object); next }
        object ~ /\.pb-c\.c\.o$/ { next }
        { section = "" }
        match($0, /(\*COM\*|\.t?(data|bss)[^ \t]*)\t/) { section = substr($0, RSTART, RLENGTH - 1) }
        section == "" || section ~ /^\.data\.rel\.ro/ || $NF == section { next }
        { print object "\t" section "\t" $NF }'
}

# Prints the lines of stdin below a heading, and remembers that there were any.
report() {
    lines=$(cat)
    [ -n "$lines" ] || return 0
    echo "$1:"
    echo "$lines" | sed 's/^/    /'
    return 1
}

cd "$root"
long_functions | report "functions longer than $longest lines" || failed=1
for library in "$@"; do
    [ -n "$(nm -g --defined-only "$library")" ] || {
        echo "$library defines nothing"
        failed=1
    }
    misnamed_symbols "$library" | report "$library: not named after their file" || failed=1
    mutable_globals "$library" | report "$library: mutable globals" || failed=1
done
exit $failed
