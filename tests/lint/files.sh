# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# files.sh — which files belong to the project. Sourced by the checks; defines functions and nothing else.

# All files of the project in folder $1, one to a line, relative to it: what git tracks or would track; where git is not
# at hand, all but the builds.
project_files() (
    cd "$1" || exit 1
    if [ -e .git ] && command -v git >/dev/null &&
        git -c safe.directory="$PWD" ls-files --cached --others --exclude-standard >/dev/null 2>&1; then
        git -c safe.directory="$PWD" ls-files --cached --others --exclude-standard |
            while IFS= read -r file; do
                [ ! -f "$file" ] || printf '%s\n' "$file"
            done
    else
        find . \( -path ./.git -o -path './build*' -o -name __pycache__ \) -prune -o -type f -print | sed 's|^\./||'
    fi
)

# The C and C++ files among them.
project_sources() {
    project_files "$1" | grep -E '\.(c|h|cpp|hpp)$'
}

# Ends the check as skipped, which ctest reports by name, when program $1 is not of major version $2.
require_llvm() {
    version=$("$1" --version | sed -n 's/.*version \([0-9]*\)\..*/\1/p' | head -n 1)
    [ "$version" = "$2" ] || {
        echo "skipped: $1 is version ${version:-unknown}, and this check is written for $2"
        exit 77
    }
}
