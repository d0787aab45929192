#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `bguard parse` and `bguard bench`.
. "$(dirname "$0")/lib.sh.inc"
logs=$root/sample/logs

one_object_a_line() {
    "$BGUARD" parse "$logs" >out
    python3 - out <<'PY'
import json, sys
n = 0
for line in open(sys.argv[1], encoding="utf-8"):
    e = json.loads(line)
    assert e["@timestamp"].startswith("2025-03-11T"), e
    for key in ("event.module", "event.dataset", "event.id", "log.file.path", "log.file.line"):
        assert e[key], (key, e)
    n += 1
assert n == 1184, n
PY
}
lists_become_arrays() {
    printf '{"@timestamp":"2025-03-11T00:00:00Z","tags":["a","b"],"n":1.50,"t":true,"z":null,"s":"q\\"\\u0007"}\n' >e.json
    "$BGUARD" parse e.json >out
    python3 -c '
import json
e = json.load(open("out"))
assert e["tags"] == ["a", "b"] and e["n"] == 1.5 and e["t"] is True and e["z"] is None and e["s"] == "q\"\u0007", e'
}
every_line_is_accounted_for() {
    { cat "$logs/windows.ndjson"; printf '{"half":\n'; printf '\377\376\n'; } >w.ndjson
    "$BGUARD" parse -q -o none --stats w.ndjson 2>err
    python3 -c '
import json
s = json.load(open("err"))
assert s["read"] == s["events"] + s["rejected"] and s["events"] == 133, s'
}
table_and_summary() {
    "$BGUARD" parse -o table "$logs/auth.log" >out
    holds out 'linux/sshd'
    "$BGUARD" parse -o summary "$logs" >out
    holds out 'Microsoft-Windows-Sysmon/Operational'
    holds out '1,184 events, 0 records refused'
}
format_is_forced() {
    "$BGUARD" parse -f text "$logs/eve.json" >out
    holds out '"message":"{'
    "$BGUARD" parse -f json -L windows/Security "$logs/eve.json" >out
    holds out '"event.module":"windows","event.dataset":"Security"'
    ends_with 2 "$BGUARD" parse -L nowhere "$logs/eve.json" 2>err
    holds err "knows no product 'nowhere'"
}
same_for_any_threads() {
    for i in 1 2 3 4 5 6; do cp "$logs/eve.json" $i.json; cp "$logs/windows.ndjson" $i.ndjson; done
    "$BGUARD" parse -t 1 . >../one
    "$BGUARD" parse -t 4 . >../four
    same ../one ../four
}
bench_measures() {
    "$BGUARD" bench --json --rules "$root/rules" --events 20000 --threads 2 "$logs" >out
    python3 -c '
import json
b = json.load(open("out"))
assert [(r["what"], r["threads"]) for r in b["runs"]] == [
    ("parse", 1), ("parse", 2), ("parse and detect", 1), ("parse and detect", 2)], b
assert all(r["events"] >= 20000 and r["events_per_second"] > 0 for r in b["runs"]), b
assert b["runs"][2]["findings"] == b["runs"][3]["findings"] > 0, b'
    ends_with 7 "$BGUARD" bench - 2>err </dev/null
}

case_of 'parse prints one object a line' one_object_a_line
case_of 'lists become arrays and values keep their type' lists_become_arrays
case_of 'every line is accounted for' every_line_is_accounted_for
case_of 'there is a table and a summary' table_and_summary
case_of 'the format and the log source can be forced' format_is_forced
case_of 'parse prints the same for any number of threads' same_for_any_threads
case_of 'bench measures' bench_measures
exit $failed
