#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The service does what its OpenAPI document says, whatever it is sent.
. "$(dirname "$0")/lib.sh.inc"
. "$(dirname "$0")/service.sh.inc"

# A rule that what the program sends meets.
rules() {
    mkdir rules
    cat >rules/hit.yml <<'END'
title: Hit
id: 6b3a5f6e-1f0e-4a53-8a3c-1d1f6f0f7a01
level: high
logsource: {product: app}
detection: {selection: {what: hit}, condition: selection}
END
}
export PYTHONDONTWRITEBYTECODE=1
# Two models, for the routes about them.
export MODEL="$work/model.bgm"
models() {
    python3 "$root/tests/cli/models.py" rows >"$work/rows.csv"
    for seed in 1 2; do
        to=$MODEL
        [ "$seed" = 1 ] || to=${MODEL}2
        "$BGUARD" model train iforest --data "$work/rows.csv" --format csv --trees 20 --seed "$seed" --out "$to" >trained 2>&1 ||
            say "$(tail -n 1 trained)"
    done
}
python() { python3 "$root/tests/cli/$1" "$url" "$2" "$work/seen"; }
# Whatever was sent, nothing of it is a fault of ours.
no_fault() {
    lacks serve.log '"level":"error"'
    lacks serve.log 'Sanitizer'
}

answers() {
    rules
    models
    start_service --rules rules --set limits.rate=0 --set auth.lock_after=1000 --set auth.access_seconds=86400
    python openapi.py answers
    no_fault
    stop_service
}
methods() {
    start_service --set limits.rate=0
    python openapi.py methods
    no_fault
    stop_service
}
limits() {
    start_service --set auth.lock_after=1000
    python openapi.py limits
    no_fault
    stop_service
}
blocks() {
    start_service --set limits.rate=0 --set guard.exempt=192.0.2.1
    python openapi.py blocks
    holds serve.log 'address blocked'
    stop_service
}
all_seen() {
    start_service
    python openapi.py all_seen
    stop_service
}

case_of 'every route answers as it is described' answers
case_of 'other methods are refused by name' methods
case_of 'who asks too much is told so' limits
case_of 'who attacks is blocked everywhere' blocks
case_of 'every status that is described was seen' all_seen
exit $failed
