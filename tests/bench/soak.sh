#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Does the service grow?  Half load for so many minutes (30): uploads, realtime, reads, WebSocket clients; every ten
# seconds memory, descriptors and threads.  At the end how much memory grew from the first third of the time to the
# last; fails on an end of the service, more descriptors or threads, or growth past 10 %.
#
#   tests/bench/soak.sh [MINUTES]
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
bguard=${BGUARD:-$root/build/release/bguard} load=${BGLOAD:-$root/build/release/load/bgload}
minutes=${1:-30}
unset BGUARD_TOKEN BGUARD_SERVER PORT DATABASE_URL JWT_SECRET
dir=$(mktemp -d)
started=
ended() {
    # shellcheck disable=SC2086 # a list of processes we started
    kill $started 2>"$dir/kill" || :
    wait
    rm -rf "$dir"
}
trap ended EXIT
export XDG_CONFIG_HOME="$dir/config" BGUARD_ADMIN_PASSWORD=correct-horse-battery

"$bguard" serve --listen 127.0.0.1:0 --data "$dir/data" --rules "$root/rules" --set limits.rate=0 2>"$dir/log" &
pid=$! started=$!
until port=$(sed -n 's/.*"port":\([0-9]*\).*/\1/p' "$dir/log") && [ "$port" ]; do
    kill -0 "$pid" || exit 1
    sleep 0.1
done
url=http://127.0.0.1:$port
export BGUARD_SERVER="$url"
echo "$BGUARD_ADMIN_PASSWORD" | "$bguard" login --quiet
(umask 077 && "$bguard" keys add soak --days 2 >"$dir/key" 2>"$dir/note")
printf 'header = "Authorization: Bearer %s"\n' "$(cat "$dir/key")" >"$dir/curl"
printf '{"event":{"message":"Failed password for root from 192.0.2.7 port 22 ssh2","user":{"name":"root"}}}' >"$dir/event"

seconds=$((minutes * 60))
"$load" http "$url/api/threat/detect-realtime" --connections 16 --rate "${SOAK_RATE:-4000}" --seconds "$seconds" --post "$dir/event" --type application/json --token-file "$dir/key" >"$dir/realtime" 2>&1 &
started="$started $!"
"$load" http "$url/api/alerts?limit=20" --connections 4 --rate 50 --seconds "$seconds" --token-file "$dir/key" >"$dir/reads" 2>&1 &
started="$started $!"
"$load" ws "ws://127.0.0.1:$port/ws" --clients 100 --seconds "$seconds" --token-file "$dir/key" --subscribe alerts >"$dir/live" 2>&1 &
started="$started $!"
while :; do
    cat "$root"/sample/logs/* | curl -s -K "$dir/curl" -X POST -T - -o "$dir/answer" "$url/api/events"
    sleep 0.2
done &
started="$started $!"

sample() { # RSS in KiB, descriptors, threads, seconds of CPU
    awk '/VmRSS|Threads/ {printf "%s ", $2}' "/proc/$pid/status"
    find "/proc/$pid/fd" -mindepth 1 | wc -l
}
echo 'seconds  RSS KiB  threads  descriptors'
at=0
while [ "$at" -lt "$seconds" ]; do
    sleep 10
    at=$((at + 10))
    kill -0 "$pid" || { tail -n 3 "$dir/log"; exit 1; }
    # shellcheck disable=SC2046 # three numbers
    printf '%7d  %7d  %7d  %11d\n' "$at" $(sample) | tee -a "$dir/samples"
done
grep -h -E 'per_second|unanswered|lost|latency_ms|delivery_ms' "$dir/realtime" "$dir/reads" "$dir/live" || :
awk '
    { at[NR] = $1; rss[NR] = $2; threads[NR] = $3; fds[NR] = $4 }
    END {
        third = int(NR / 3); if (third < 1) third = 1
        for (i = 1; i <= third; i++) {
            a += rss[i]; b += rss[NR - i + 1]
            if (fds[i] > f) f = fds[i]
            if (fds[NR - i + 1] > g) g = fds[NR - i + 1]
        }
        grew = 100 * (b - a) / a
        printf "memory grew by %.1f %% from the first third to the last; descriptors %d, then %d; threads %d, then %d\n", grew, f, g, threads[1], threads[NR]
        exit grew > 10 || g > f + 8 || threads[NR] > threads[1]
    }' "$dir/samples"
