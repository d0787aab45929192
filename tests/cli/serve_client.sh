#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The commands that ask a service.
. "$(dirname "$0")/lib.sh.inc"
. "$(dirname "$0")/service.sh.inc"

begin() {
    mkdir -p rules
    cat >rules/hit.yml <<'END'
title: Hit
id: 6b3a5f6e-1f0e-4a53-8a3c-1d1f6f0f7a01
level: high
logsource: {product: app}
detection: {selection: {what: hit}, condition: selection}
END
    start_service --rules rules --set limits.rate=0
    login
}
json() { python3 -c "import json,sys; d=json.load(sys.stdin); print($1)"; }
send() { printf '{"what":"hit","user.name":"%s"}\n' "$1" | "$BGUARD" events send -; }

keys() {
    begin
    "$BGUARD" keys add one --scopes 'events:write alerts:read' --days 2 >key 2>note
    holds key bg_
    BGUARD_TOKEN=$(cat key) "$BGUARD" alerts list >out
    holds out 'no alerts'
    BGUARD_TOKEN=$(cat key) ends_with 9 "$BGUARD" users list 2>err
    holds err 'users:admin'
    id=$("$BGUARD" keys add two --json | json 'd["id"]')
    "$BGUARD" keys list >out
    holds out "$id"
    "$BGUARD" keys revoke "$id"
    ends_with 3 "$BGUARD" keys revoke 01ARZ3NDEKTSV4RRFFQ69G5FAV 2>err
    ends_with 2 "$BGUARD" keys add one two 2>err
    ends_with 2 "$BGUARD" keys add three --scopes nonsense 2>err
    holds err '/scopes/0'
    stop_service
}
users() {
    begin
    id=$(echo another-long-password | "$BGUARD" users add ann --role read --json | json 'd["id"]')
    echo another-long-password | ends_with 10 "$BGUARD" users add ann 2>err
    holds err taken
    echo short | ends_with 2 "$BGUARD" users add bob 2>err
    holds err /password
    "$BGUARD" users change "$id" --role analyst >out
    holds out analyst
    echo yet-another-long-one | "$BGUARD" users change "$id" --password --disable --json | json 'd["disabled"]' >out
    holds out True
    ends_with 2 "$BGUARD" users change "$id" --disable --enable 2>err
    "$BGUARD" users change ann --enable >out
    "$BGUARD" users list --json | json '[u["name"] for u in d["users"]]' >out
    holds out ann
    "$BGUARD" users remove ann
    ends_with 3 "$BGUARD" users remove "$id" 2>err
    stop_service
}
tenants() {
    begin
    "$BGUARD" tenants add acme --title 'Acme and others' >out
    holds out acme
    ends_with 10 "$BGUARD" tenants add acme 2>err
    ends_with 2 "$BGUARD" tenants add 'Not a name' 2>err
    holds err /id
    "$BGUARD" tenants change acme --disable --json | json 'd["disabled"]' >out
    holds out True
    ends_with 10 "$BGUARD" tenants change default --disable 2>err
    "$BGUARD" tenants list >out
    holds out 'Acme and others'
    stop_service
}
alerts() {
    begin
    printf '{"what":"hit","user.name":"\\u001b[2Jann\\u0007\\u202e"}\n' | "$BGUARD" events send - >out
    holds out '1 alerts'
    id=$("$BGUARD" alerts list --json | json 'd["alerts"][0]["id"]')
    "$BGUARD" alerts show "$id" >shown
    "$BGUARD" alerts list >>shown
    ! LC_ALL=C grep -q "$(printf '[\033\007]')" shown || say 'a terminal would be told what to do'
    "$BGUARD" alerts show "$id" --json | json 'd["alert"]["title"]' >out
    holds out Hit
    "$BGUARD" alerts ack "$id" --note "$(printf 'mine\033[31m')" >out
    holds out acknowledged
    "$BGUARD" alerts close "$id" --verdict true_positive --json | json 'd["status"]' >out
    holds out closed_true
    ends_with 3 "$BGUARD" alerts show 01ARZ3NDEKTSV4RRFFQ69G5FAV 2>err
    ends_with 3 "$BGUARD" alerts show ../../users 2>err
    ends_with 2 "$BGUARD" alerts list --status nonsense 2>err
    ends_with 2 "$BGUARD" alerts list --from yesterday 2>err
    holds err '?from'
    stop_service
}
events() {
    begin
    for n in 1 2 3; do printf '{"what":"hit","user.name":"u%s"}\n' $n; done >log
    gzip -k log
    "$BGUARD" events send log.gz >out
    holds out '3 events, 0 records rejected, 3 alerts'
    "$BGUARD" events send - --key once <log >out
    "$BGUARD" events send - --key once <log >again
    same out again
    echo more >>log
    ends_with 2 "$BGUARD" events send - --key once <log 2>err
    holds err 'another body'
    ends_with 3 "$BGUARD" events send nowhere.log 2>err
    "$BGUARD" health --detailed >out
    holds out store
    "$BGUARD" health --detailed --json | json '[c["name"] for c in d["components"]]' >out
    holds out recorder
    stop_service
    ends_with 5 "$BGUARD" health 2>err
}
watch() {
    begin
    "$BGUARD" alerts watch --json >seen 2>seen.err &
    watcher=$!
    send first >out
    await 'the first is not seen' grep -q '"user":"first"' seen
    stop_service
    start_service --rules rules --listen "127.0.0.1:$port" --set limits.rate=0
    send second >out
    await "the second is not seen: $(cat seen.err)" grep -q '"user":"second"' seen
    [ "$(grep -c '"user":"first"' seen)" = 1 ] || say 'the first was shown again'
    kill -INT "$watcher"
    wait "$watcher" || say "the watcher ended with $?"
    stop_service
}

case_of 'keys' keys
case_of 'users' users
case_of 'tenants' tenants
case_of 'alerts, with hostile text' alerts
case_of 'events and health' events
case_of 'watching over a restart' watch
exit $failed
