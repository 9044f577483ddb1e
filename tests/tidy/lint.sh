#!/bin/bash
# clang-tidy over our own C files, with the checks of .clang-tidy.
# Exits 77 (skipped) where clang-tidy is not installed. usage: lint.sh SOURCE_ROOT BUILD_ROOT [FILE...]
set -eu
source_root=$1 build_root=$2
shift 2
command -v clang-tidy >/dev/null || { echo "clang-tidy is not installed: not checked"; exit 77; }
cd "$source_root"
if [ $# -eq 0 ]; then
    mapfile -t files < <(find base proto weights broker worker client bench -name '*.c' | sort)
    set -- "${files[@]}"
fi
# Flags that only gcc knows would be errors to clang.
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p "$build_root" \
    --extra-arg=-Wno-unknown-warning-option
