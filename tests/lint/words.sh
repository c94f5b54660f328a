#!/bin/sh
# SPDX-License-Identifier: MIT
# words.sh ROOT — no file of the project holds a secret, a path of somebody's machine, unfinished work, or talk of how
# it came about: these belong to its history.
set -eu
. "$(dirname "$0")/files.sh"

cd "$1"
failed=0

# forbid WHAT PATTERN [EXEMPT]: fails when the extended regular expression PATTERN stands in a file whose path does not
# match EXEMPT. Patterns put a letter in brackets, so that they do not find themselves.
forbid() {
    what=$1 pattern=$2 exempt=${3:-^$}
    found=$(project_files . | grep -vE "$exempt" | tr '\n' '\0' | xargs -0 grep -nIE -e "$pattern" /dev/null |
        cut -c 1-200)
    [ -z "$found" ] || {
        echo "$what:"
        echo "$found" | sed 's/^/    /'
        failed=1
    }
}

# Documents that are named anywhere, addresses of other sites aside, and are nowhere in the project. What the project is
# built from is kept beside it: the notes on the service, on GDAL, and the specification, which headers cite by section.
absent_documents() {
    beside='API.md|GDAL.md|SPEC.md'
    present=$(project_files . | sed -n 's|^\(.*/\)\{0,1\}\([^/]*\.md\)$|\2|p')
    # shellcheck disable=SC2016 # the dollars are awk's
    project_files . | tr '\n' '\0' | xargs -0 grep -lIF '.md' /dev/null | tr '\n' '\0' |
        xargs -0 awk '{
            gsub(/https?:\/\/[^ )>"]+/, "")
            while (match($0, /[A-Za-z_-]+\.md/)) {
                name = substr($0, RSTART, RLENGTH)
                $0 = substr($0, RSTART + RLENGTH)
                if ($0 !~ /^[A-Za-z0-9]/) print FILENAME ":" FNR ":" name
            }
        }' | while IFS= read -r hit; do
        echo "$present" | grep -qxF "${hit##*:}" || echo "${hit##*:}" | grep -qxE "$beside" || echo "$hit"
    done
}

# Tokens are MLY, a number and a hexadecimal secret, between bars that may be escaped. The tests' service makes up its
# own.
forbid "what looks like an access token" 'ML[Y]([|]|%7[Cc])[0-9]+([|]|%7[Cc])[0-9a-f]+' '^tests/support/'
forbid "a path of one machine" '(^|[^A-Za-z0-9_.])/(wor[k]|roo[t]|hom[e]/[a-z]+|User[s]/[A-Za-z]+)/|/bash_job[s]'
forbid "unfinished work" '\b(TOD[O]|FIXM[E]|XX[X])\b'
forbid "talk of how it came about" '\b[Ii]ssu[e]s? #?[0-9]+|\b[Tt]his [s]ession\b'

absent=$(absent_documents)
[ -z "$absent" ] || {
    echo "a document that is not here:"
    echo "$absent" | sed 's/^/    /'
    failed=1
}
exit $failed
