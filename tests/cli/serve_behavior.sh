#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the service learns of people, what it says of them, and what it keeps.
. "$(dirname "$0")/lib.sh.inc"
. "$(dirname "$0")/service.sh.inc"

# Three weeks of office hours up to the day before yesterday, and, of `odd`, yesterday's night.
logins() { # usual|odd
    python3 - "$1" <<'PYTHON'
import json, sys, time
day = int(time.time() // 86400) * 86400
def login(at, host, country, address, process):
    print(json.dumps({"@timestamp": at * 1000, "user.name": "maria", "host.name": host, "source.ip": address,
        "source.geo.country_iso_code": country, "event.action": "login", "event.outcome": "success",
        "process.name": process}))
if sys.argv[1] == "odd":
    login(day - 86400 + 3 * 3600, "dc01", "KP", "203.0.113.9", "mimi")
    login(day - 86400 + 3 * 3600 + 60, "dc01", "KP", "203.0.113.9", "mimi")
else:
    for d in range(22, 1, -1):
        for minute in range(8 * 60, 18 * 60, 30):
            login(day - d * 86400 + minute * 60, "pc1", "DE", "192.0.2.7", ["sshd", "outlook"][minute // 30 % 2])
PYTHON
}

people() { # FROM TO
    python3 - "$1" "$2" <<'PYTHON'
import json, sys
for i in range(int(sys.argv[1]), int(sys.argv[2])):
    print(json.dumps({"user.name": f"user{i}", "event.action": "login", "event.outcome": "success"}))
PYTHON
}

alerts() { "$BGUARD" alerts list --json --most 100; }
count() { python3 -c 'import json,sys; print(len(json.load(sys.stdin)["alerts"]))'; }
metric() { curl -sfk "$url/metrics" | sed -n "s/^$1 //p"; }
known() { # MEMBER
    [ "$(api GET /api/threat/health)" = 200 ] || say "health: $(cat answer)"
    python3 -c 'import json,sys; print(json.load(open("answer"))["behavior"][sys.argv[1]])' "$1"
}
is_one_alert() { [ "$(alerts | count)" = 1 ]; }

an_odd_login_is_one_alert_in_words() {
    start_service
    login
    logins usual >usual
    "$BGUARD" events send usual >sent
    holds sent ' 0 records rejected'
    is_one_alert && say 'an alert of what is usual'
    logins odd >odd
    "$BGUARD" events send odd >sent
    await 'no alert' is_one_alert
    "$BGUARD" events send odd >sent
    is_one_alert || say "alerts: $(alerts)"
    alerts >found
    holds found '"kind":"behavior"'
    holds found "user maria: first "
    holds found "country 'KP' in 20 days and 420 events"
    [ "$(metric bguard_behavior_findings_total)" = 1 ] || say "$(metric bguard_behavior_findings_total) found"
    "$BGUARD" health --detailed >health
    grep -q 'behavior.*ok' health || say "$(cat health)"
    stop_service
    start_service
    login
    [ "$(known entities)" -ge 3 ] || say 'forgotten over a restart'
    stop_service
}

nothing_is_said_where_it_is_off() {
    start_service --set behavior.watch_01=1
    login
    { logins usual; logins odd; } >all
    "$BGUARD" events send all >sent
    [ "$(known entities)" -ge 3 ] || say 'nothing learned'
    [ "$(alerts | count)" = 0 ] || say "alerts: $(alerts)"
    stop_service
    ends_with 2 "$BGUARD" serve --listen 127.0.0.1:0 --data "$PWD/other" --set behavior.watch_01=nan 2>err
    holds err 'behavior.watch_01'
}

what_has_no_place_rests_in_files() {
    start_service --set behavior.entities=1024
    login
    people 0 3000 >many
    "$BGUARD" events send many >sent
    await 'nobody spilled' spilled
    [ "$(known entities)" -le 1024 ] || say "$(known entities) in memory"
    [ "$(known evicted)" = 0 ] || say "$(known evicted) forgotten"
    [ "$(stat -c %a data/behavior.rest.0)" = 600 ] || say 'others can read it'
    kill -KILL "$pid"
    wait "$pid" || true
    pid=
    start_service --set behavior.entities=1024
    login
    [ "$(known resting)" -ge 1900 ] || say "$(known resting) are left after a crash"
    people 0 1000 >some
    "$BGUARD" events send some >sent
    [ "$(metric bguard_behavior_loaded_total)" -gt 0 ] || say 'nobody came back'
    lacks serve.log anew
    stop_service
}
spilled() { [ "$(metric bguard_behavior_spilled_total)" -ge 1900 ]; }

# Of version 1, of a file that is cut short, and rest files of baselines that are gone.
old_files_are_learned_anew() {
    start_service
    stop_service
    python3 -c 'import struct; open("data/behavior.bin", "wb").write(b"BGBEHAV1" + struct.pack("<IIQ", 1, 1, 7) + bytes(200))'
    start_service --set behavior.rest_mib=0
    [ "$(grep -c 'anew' serve.log)" = 1 ] || say "$(grep -c 'anew' serve.log) lines"
    holds serve.log 'not baselines of version 2'
    stop_service
    start_service # the files of before that
    [ "$(grep -c 'rested in files are learned anew' serve.log)" = 1 ] || say "$(cat serve.log)"
    stop_service
    start_service
    lacks serve.log anew
    stop_service
}

case_of 'an odd login is one alert' an_odd_login_is_one_alert_in_words
case_of 'nothing is said where it is off' nothing_is_said_where_it_is_off
case_of 'what has no place rests in files' what_has_no_place_rests_in_files
case_of 'old files are learned anew' old_files_are_learned_anew
exit $failed
