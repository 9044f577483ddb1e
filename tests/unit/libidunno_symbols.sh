#!/bin/sh
# usage: libidunno_symbols.sh LIBRARY
# Every symbol that the library defines for others is a call of idunno.h.
set -eu
header=$(dirname "$0")/../../client/idunno.h
symbols=$(nm -D --defined-only "$1" | sed 's/@.*//' | awk '$2 == "T" {print $3}')
others=$(nm -D --defined-only "$1" | awk '$2 != "T" && $2 != "A"')
[ -n "$symbols" ] || { echo "the library shows nothing"; exit 1; }
[ -z "$others" ] || { echo "data in the interface: $others"; exit 1; }
for symbol in $symbols; do
    grep -q "$symbol(" "$header" || { echo "$symbol is not in idunno.h"; exit 1; }
done
for call in $(grep -o 'idunno_[a-z_]*(' "$header" | tr -d '(' | sort -u); do
    echo "$symbols" | grep -qx "$call" || { echo "$call is in idunno.h but not in the library"; exit 1; }
done
