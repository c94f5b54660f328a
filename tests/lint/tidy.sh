#!/bin/sh
# SPDX-License-Identifier: MIT
# tidy.sh ROOT BUILD LLVM — clang-tidy, as .clang-tidy says, over every source that is compiled; and every source of the
# plugin is compiled. A NOLINT names its check and its reason: "NOLINT(check): why".
set -eu
. "$(dirname "$0")/files.sh"

root=$1 build=$2
require_llvm clang-tidy "$3"
cd "$root"
failed=0

silent=$(project_sources . | xargs grep -n 'NOLINT' | grep -v 'NOLINTEND' |
    grep -vE 'NOLINT(NEXTLINE|BEGIN)?\([a-z][^)]+\): [^ ]+ [^ ]+') && {
    echo "clang-tidy is silenced without a check and a reason:"
    echo "$silent"
    failed=1
}

# The project's own sources among the compile commands; generated ones lie in the build folder.
compiled=$(sed -n "s|^ *\"file\": \"$PWD/\(.*\)\",\{0,1\}\$|\1|p" "$build/compile_commands.json" |
    grep -E '^(ogr_mapillary|tests)/' | LC_ALL=C sort -u)
for file in $(project_files . | grep -E '^ogr_mapillary/.*\.(c|cpp)$'); do
    echo "$compiled" | grep -qxF "$file" || {
        echo "$file: not in $build/compile_commands.json"
        failed=1
    }
done
echo "$compiled" | xargs -P "$(nproc)" -n 1 clang-tidy -p "$build" --quiet || failed=1
exit $failed
