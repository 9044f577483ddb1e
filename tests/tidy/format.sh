#!/bin/bash
# Formatting as .clang-format says. Exits 77 (skipped) where clang-format is not installed.
# usage: format.sh SOURCE_ROOT
set -eu
cd "$1"
command -v clang-format >/dev/null || { echo "clang-format is not installed: not checked"; exit 77; }
find base proto weights broker worker client bench tests -name '*.[ch]' -print0 |
    xargs -0 clang-format --dry-run -Werror
