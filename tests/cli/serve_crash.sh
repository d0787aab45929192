#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The service is killed under load, twenty times; what it acknowledged is there once.
# $CRASH_SEED repeats the choices of another run, though not its timing.
. "$(dirname "$0")/lib.sh.inc"
. "$(dirname "$0")/service.sh.inc"

killed_under_load() {
    start_service --rules "$root/tests/cli/crash.yml"
    login
    BGUARD_TOKEN=$("$BGUARD" keys add crash 2>note)
    export BGUARD_TOKEN BGUARD
    stop_service
    syslog_port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    rules=$root/tests/cli/crash.yml
    python3 "$root/tests/cli/crash.py" "$data" "$port" "$syslog_port" ${CRASH_SEED:+--seed "$CRASH_SEED"} -- \
        --rules "$rules" --set limits.rate=0 --set pipeline.lateness_seconds=1 --set "follow.paths=$PWD/app.log*" \
        >"$work/counts" 2>&1 || say "$(tr '\n' ' ' <"$work/counts")"
}

case_of 'killed twenty times under load' killed_under_load
cat "$work/counts"
exit $failed
