#!/bin/bash
# What scripts/demo says to wrong arguments, before it does anything. usage: demo.sh SCRIPTS_DEMO
set -u
demo=$1 failed=0

refuses() {
    local sentence=$1 said status
    shift
    said=$("$demo" "$@" 2>&1)
    status=$?
    if [ $status -ne 2 ] || [[ $said != *"$sentence"* ]]; then
        echo "demo $*: status $status, '$said' instead of 2 and '$sentence'"
        failed=1
    fi
}

refuses "--images 'none' is not a whole number from 1 to 999999" --images none
refuses "--images '0' is not a whole number" --images=0
refuses "--images needs a value" --images
refuses "--engine 'gpu' is not onednn, darknet or replay" --engine gpu
refuses "unknown option --imges" --imges 3
[[ $("$demo" --help) == *"usage: scripts/demo"* ]] || failed=1
exit $failed
