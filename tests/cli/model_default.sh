#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The models that ship, on traffic made here; and what they are trained with: data of several formats.
. "$(dirname "$0")/lib.sh.inc"

# Ordinary browsing by twenty hosts with a server that is down, a scan of ports, and a flood, as Zeek tells of them.
python3 - "$work" <<'END' || exit 1
import datetime, json, random, sys
random.seed(5)
NAMES = ("ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state local_orig "
         "local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes").split()

def flow(time, source, target, port, proto, state, service="-", out=0, back=0):
    history = {"SF": "ShADadFf", "S0": "S", "REJ": "Sr", "S1": "ShADad"}[state] if proto == "tcp" else ("Dd" if state == "SF" else "D")
    sent, got = 4 + out // 1400, (4 + back // 1400 if state in ("SF", "S1") else state == "REJ")
    return time, [f"{time:.6f}", f"C{random.getrandbits(60):x}", source, random.randrange(32768, 61000), target, port, proto, service,
                  f"{random.expovariate(2):.6f}", out, back, state, "T", "F", 0, history, sent, sent * 52 + out, int(got), int(got) * 52 + back]

def browsing(hosts, seconds):
    for h in range(hosts):
        me, t = f"10.1.0.{h + 10}", 1.7e9 + random.uniform(0, 30)
        while t < 1.7e9 + seconds:
            for _ in range(random.randrange(1, 8)):  # a page, from several servers
                t += random.expovariate(8)
                yield flow(t, me, "10.1.0.1", 53, "udp", "SF", "dns", random.randrange(28, 60), random.randrange(60, 300))
                server = f"198.51.100.{random.randrange(1, 200)}"
                for _ in range(random.randrange(1, 4)):
                    t += random.expovariate(15)
                    yield flow(t, me, server, 443, "tcp", "S1" if random.random() < .1 else "SF", "ssl",
                               random.randrange(500, 4000), int(random.lognormvariate(9, 1.5)))
            if random.random() < .2:  # to everybody on the network, who do not answer
                yield flow(t, me, "224.0.0.251", 5353, "udp", "S0", "dns", 90)
            if random.random() < .03:  # a server that is down
                yield flow(t, me, "203.0.113.9", 443, "tcp", "S0")
            t += random.expovariate(1 / 20)

def write(name, flows):
    with open(f"{sys.argv[1]}/{name}", "w") as f:
        print("#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", "#path\tconn",
              "\t".join(["#fields", *NAMES]), sep="\n", file=f)
        for _, row in sorted(flows, key=lambda x: x[0]):
            print(*row, sep="\t", file=f)

def as_eve(name, flows):  # the same, as Suricata tells of it
    flags = {"SF": ("1b", "1b"), "S1": ("1a", "1a"), "S0": ("02", "00"), "REJ": ("02", "14")}
    with open(f"{sys.argv[1]}/{name}", "w") as f:
        for _, r in sorted(flows, key=lambda x: x[0]):
            r = dict(zip(NAMES, r))
            when = datetime.datetime.fromtimestamp(float(r["ts"]), datetime.timezone.utc).isoformat()
            e = {"timestamp": when, "event_type": "flow", "flow_id": random.getrandbits(50), "src_ip": r["id.orig_h"], "src_port": r["id.orig_p"],
                 "dest_ip": r["id.resp_h"], "dest_port": r["id.resp_p"], "proto": r["proto"].upper(),
                 "flow": {"pkts_toserver": r["orig_pkts"], "pkts_toclient": r["resp_pkts"], "bytes_toserver": r["orig_ip_bytes"],
                          "bytes_toclient": r["resp_ip_bytes"], "start": when, "end": when, "age": 0, "alerted": False, "reason": "timeout",
                          "state": {"S0": "new", "S1": "established", "SF": "closed", "REJ": "closed"}[r["conn_state"]]}}
            if r["proto"] == "tcp":
                e["tcp"] = dict(zip(("tcp_flags_ts", "tcp_flags_tc"), flags[r["conn_state"]]))
            f.write(json.dumps(e) + "\n")

scan = [flow(1.7e9 + i / 90, "10.1.0.66", "10.1.0.200", p, "tcp", "REJ") for i, p in enumerate(random.sample(range(1, 9000), 400))]
flood = [flow(1.7e9 + i / 300, "10.1.0.67", "10.1.0.201", 80, "tcp", "S0") for i in range(1500)]
ordinary = list(browsing(20, 1200))
for name, flows in ("browsing", ordinary), ("scan", scan), ("flood", flood):
    write(name + ".log", flows)
    as_eve(name + ".json", flows)
END
shipped=$root/models/flows.bgm
alarms() { # FILE: connections, and how many of them are above the threshold
    "$BGUARD" detect --models "$root/models" --output ndjson --quiet "$1" >found
    grep -c '"kind":"model"' found || true
}

complete() {
    for m in "$root"/models/*.bgm; do
        [ "$(wc -c <"$m")" -lt 1000000 ] || say "$m is too large"
        "$BGUARD" model show "$m" --json >card
        python3 -c '
import json
card = json.load(open("card"))["card"]
words = json.dumps(card)
assert len(card["data"]["digest"] if "digest" in card.get("data", {}) else "x" * 64) == 64
for w in ("NSL-KDD", "IoT-23", "CC-BY"):
    assert w in words, w
'
    done
}
quiet_when_ordinary() {
    flows=$(grep -vc '^#' "$work/browsing.log")
    [ "$flows" -gt 3000 ] || say "only $flows flows"
    for f in browsing.log browsing.json; do
        n=$(alarms "$work/$f")
        [ "$n" = 0 ] || say "$n of $flows ordinary flows are alarms in $f"
    done
}
finds() { # FILE PART: at least so many hundredths of its flows
    flows=$(grep -vc '^#' "$work/$1")
    n=$(alarms "$work/$1")
    [ $((n * 100)) -ge $((flows * $2)) ] || say "$n of $flows"
    holds found '"model.score"'
    [ "$(grep -o '"source.ip":"[^"]*"' found | sort -u | wc -l)" = 1 ] || say 'more than one host'
}
finds_scans() { finds scan.log 50 && finds scan.json 50; }
finds_floods() { finds flood.log 50 && finds flood.json 50; }
judged() {
    "$BGUARD" model eval "$shipped" --positive zeek:"$work/scan.log" --negative zeek:"$work/browsing.log" --json --quiet >figures
    python3 -c '
import json
d = json.load(open("figures"))
assert d["fpr"] == 0 and d["recall"] >= 0.5 and d["roc_auc"] > 0.98, d'
    "$BGUARD" model explain "$shipped" --data zeek:"$work/scan.log" --quiet >why
    holds why 'suspicious'
}
several_formats() {
    printf 'duration,src_bytes,dst_bytes,label\n' >own.csv
    for i in $(seq 400); do echo "$((i % 7)).5,$((i * 13 % 900)),$((i * 7 % 800)),$((i % 2))"; done >>own.csv
    train="$BGUARD model train xgboost --trees 5 --quiet --threads 1"
    export SOURCE_DATE_EPOCH=1700000000
    for out in one two; do
        $train --data csv:own.csv --positive zeek:"$work/scan.log" --negative zeek:"$work/browsing.log" --live --out $out.bgm >/dev/null
    done
    same one.bgm two.bgm
    "$BGUARD" model show one.bgm --json >card
    lacks card src_bytes
    holds card 2023-11-14
    $train --positive zeek:"$work/scan.log" --negative zeek:"$work/browsing.log" --columns last_rerror,target_2s --out few.bgm >/dev/null
    "$BGUARD" model show few.bgm --json >card
    lacks card last_serror
    ends_with 2 $train --data zeek:"$work/scan.log" --columns last_rerrors --out no.bgm 2>err || true
    holds err "did you mean 'last_rerror'"
}
reproducible() {
    "$root/scripts/train-models" "$PWD/again"
    # What ships was trained with XGBoost 1.7; another version grows other trees, but always the same.
    case "$(dpkg-query -W -f '${Version}' libxgboost0 2>/dev/null)" in
    1.7.*) same again/flows.bgm "$shipped" ;;
    *) "$root/scripts/train-models" "$PWD/third" && same again/flows.bgm third/flows.bgm ;;
    esac
}

case_of complete complete
case_of 'quiet when all is ordinary' quiet_when_ordinary
case_of 'finds scans of ports' finds_scans
case_of 'finds floods' finds_floods
case_of judged judged
case_of 'trains on several formats' several_formats
if [ -d "${BGUARD_DATA:=../shared/data}/nsl-kdd" ]; then
    export BGUARD BGUARD_DATA
    case_of reproducible reproducible
else
    echo 'skip reproducible: no public data, set BGUARD_DATA'
fi
exit $failed
