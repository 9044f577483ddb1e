#!/bin/bash
# Runs a fuzz target that is built for libFuzzer from its corpus, for $IDN_FUZZ_SECONDS (5). What it finds is kept
# in the current folder.
# usage: libfuzzer.sh PROGRAM CORPUS
set -euo pipefail
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
"$1" -max_total_time="${IDN_FUZZ_SECONDS:-5}" -timeout=60 -rss_limit_mb=2048 -max_len=65536 -entropic=0 \
    -verbosity=0 -print_final_stats=1 -artifact_prefix="$PWD/$(basename "$1")-" "$found" "$2"
