#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The service under attack, from this machine only.
. "$(dirname "$0")/lib.sh.inc"
. "$(dirname "$0")/service.sh.inc"
: "${BGLOAD:=$root/build/release/load/bgload}"

# A service with somebody logged in, and a key for those who attack with one.
victim() { # OPTION...
    start_service --rules "$root/rules" "$@"
    login
    BGUARD_TOKEN=$("$BGUARD" keys add attacker --days 1 2>note)
    BGUARD_PID=$pid
    export BGUARD_TOKEN BGUARD_PID
}
abuse() { python3 "$root/tests/cli/abuse.py" "$port" "$@"; }

attack() { # CASE
    victim
    abuse "$1"
    stop_service
}
malformed() { attack malformed; }
smuggling() { attack smuggling; }
headers() { attack headers; }
chunks() { attack chunks; }
bombs() { attack bombs; }
deep() { attack deep; }
endless_line() { attack endless_line; }
frames() { attack websocket; }

# ---- those who have business here, meanwhile ----

# Each kind of request at a steady rate for some seconds: all must be answered, and well.
legitimate() { # NAME
    "$BGLOAD" http "$url/health" --rate 200 --connections 20 --seconds 5 --json >"$1-health"
    "$BGLOAD" http "$url/api/threat/detect-realtime" --rate 200 --connections 20 --seconds 5 --json \
        --post event --type application/json --token-file key >"$1-detect"
}
compare() {
    python3 - <<'END'
import json, sys
for kind in "health", "detect":
    calm, under = (json.load(open(f"{when}-{kind}")) for when in ("calm", "attack"))
    p99 = [r["latency_ms"]["p99"] for r in (calm, under)]
    print(f"{kind}: p99 {p99[0]:.2f} ms in calm, {p99[1]:.2f} ms under attack, ratio {p99[1] / p99[0]:.1f}")
    for r in calm, under:
        bad = {k: v for k, v in r.items() if v and (k in ("unanswered", "connections_refused",
               "connections_broken") or (k.startswith("status") and not k.startswith("status_2")))}
        if bad or not r["answered"]: # how many were sent in the time is the machine's affair
            sys.exit(f"{kind}: {r['answered']} answered, {bad}")
END
}
attacker() { # COMMAND...
    "$@" >>attackers 2>&1 &
    attackers="${attackers-} $!"
}
end_attackers() {
    # shellcheck disable=SC2086
    kill $attackers 2>gone || true
    wait_for="$attackers" attackers=
    for one in $wait_for; do wait "$one" || true; done
}
connections() { curl -sf "$url/metrics" | sed -n 's/^bguard_http_connections //p'; }
more_than() { [ "$(connections)" -gt "$1" ]; }
fewer_than() { [ "$(connections)" -lt "$1" ]; }

all_at_once() {
    ulimit -n "$(ulimit -H -n)"
    victim --set limits.rate=0
    printf '%s' "$BGUARD_TOKEN" >key
    echo '{"event":{"@timestamp":"2026-01-02T03:04:05Z","event":{"action":"login"},"user":{"name":"ann"}}}' >event
    legitimate calm
    trap 'end_attackers; stop_service' EXIT
    attacker "$BGLOAD" idle "$url/" --connections 10000 --spread 250 --seconds 600
    await 'no 10,000 connections' more_than 9999
    attacker "$BGLOAD" slow "$url/" --kind head --connections 300 --spread 200 --seconds 600
    attacker "$BGLOAD" slow "$url/api/events" --kind body --token-file key --connections 300 --spread 200 --seconds 600
    attacker "$BGLOAD" slow "$url/openapi.json" --kind read --connections 300 --spread 200 --seconds 600
    attacker python3 "$root/tests/cli/abuse.py" "$port" rounds
    await 'no 10,900 connections' more_than 10899
    legitimate attack
    sed -n 's/^VmHWM:[^0-9]*/# most memory: /p' "/proc/$pid/status" >&3
    end_attackers
    compare >ratio 2>&1 || say "$(tail -n 1 ratio)"
    sed 's/^/# /' ratio >&3
    await 'connections of the attackers stay' fewer_than 20
    stop_service
}

# ---- limits ----

# With 600 descriptors, begun with 256 of them.
descriptors() {
    ulimit -S -n 256
    ulimit -H -n 600
    victim
    grep -q '^Max open files  *600  *600 ' "/proc/$pid/limits" || say 'the soft limit was not raised'
    holds serve.log '"connections":300'
    ulimit -S -n 600
    abuse crowd 400 300
    await 'connections stay' fewer_than 20
    api GET /api/auth/me >status
    holds status 200
    stop_service
}
address_limit() {
    victim --set limits.connections_address=50 --set threads.loops=4
    abuse crowd 80 50 others
    stop_service
}
rate_limits() {
    victim
    BGUARD_OTHER=$(env -u BGUARD_TOKEN "$BGUARD" keys add other --days 1 2>note)
    export BGUARD_OTHER
    abuse limits
    stop_service
}
origins() {
    victim --set cors.origins=https://dash.example
    abuse origins https://dash.example https://evil.example
    stop_service
}

# ---- the guard ----

blocked_for_a_time() {
    victim --set guard.exempt= --set guard.block_seconds=5
    n=50
    for offence in brute scan nonsense; do
        abuse "$offence" "127.0.0.$n"
        grep '"address blocked"' serve.log | grep -q "\"127.0.0.$n\"" || say "no word of 127.0.0.$n in the log"
        abuse health 127.0.0.1
        abuse health "127.0.0.$((n + 100))"
        n=$((n + 1))
    done
    holds serve.log '"seconds":5'
    curl -s "$url/metrics" >metrics
    lacks metrics 'bguard_http_refused_total{why="blocked"} 0'
    holds metrics 'bguard_http_refused_total{why="blocked"}'
    for n in 50 51 52; do await "127.0.0.$n stays blocked" abuse health "127.0.0.$n"; done
    stop_service
}
nobody_of_the_exempt() {
    victim
    (abuse scan 127.0.0.60 && say 'blocked') >scan || true
    holds scan 'never blocked'
    stop_service
}

exec 3>&1
case_of 'malformed requests' malformed
case_of 'smuggled requests' smuggling
case_of '100 MB of headers' headers
case_of 'huge chunks and lengths' chunks
case_of 'compressed bombs' bombs
case_of 'deep JSON' deep
case_of 'a line without end' endless_line
case_of 'malformed frames' frames
case_of 'descriptors run out' descriptors
case_of 'an address has its share, over all threads' address_limit
case_of 'rate limits, each caller its own' rate_limits
case_of 'origins at the WebSocket' origins
case_of 'attackers are blocked for a time' blocked_for_a_time
case_of 'the exempt are not' nobody_of_the_exempt
if [ ! -x "$BGLOAD" ]; then
    echo "skip all of it at once: no $BGLOAD"
elif [ "$(ulimit -H -n)" != unlimited ] && [ "$(ulimit -H -n)" -lt 12000 ]; then
    echo "skip all of it at once: only $(ulimit -H -n) descriptors are allowed, 12000 are needed"
else
    case_of 'all of it at once, and legitimate requests' all_at_once
fi
exit $failed
