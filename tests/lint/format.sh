#!/bin/sh
# SPDX-License-Identifier: MIT
# format.sh ROOT LLVM — all C and C++ is formatted as .clang-format says.
set -eu
. "$(dirname "$0")/files.sh"

require_llvm clang-format "$2"
cd "$1"
sources=$(project_sources .) # fails when there are none
echo "$sources" | xargs clang-format --dry-run --Werror --style=file
