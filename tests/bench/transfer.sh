#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What do the models that ship call an attack in captures that they have not seen?  Trains as scripts/train-models does, each time
# without one source, and counts alarms in that; then, with all, in captures that are in none.
#
#     BGUARD_DATA=/folder/of/public/data tests/bench/transfer.sh
set -eu
cd "$(dirname "$0")/../.."
: "${BGUARD:=$PWD/build/bguard}" "${BGUARD_DATA:=../shared/data}"
export BGUARD BGUARD_DATA
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -xf "$BGUARD_DATA/network/zat.tar.xz" -C "$work"
tar -xf "$BGUARD_DATA/network/slips-dataset.tar.xz" -C "$work"
slips=$work/dataset
iot=$BGUARD_DATA/iot23/conn.log.labeled.gz
grep -v 192.0.2. "$slips/test10-mixed-zeek-dir/conn.log" >"$work/test10.log" # attacks were added from there

# One capture of one host as a network of 40: each begins at a time and has an address of its own.
python3 - "$slips/test9-mixed-zeek-dir/conn.log" "$work/network.log" <<'END'
import json, random, sys
random.seed(1)
rows = [r for r in map(json.loads, open(sys.argv[1])) if r["id.orig_h"] == "10.0.2.15"]
flows = []
for k in range(40):
    shift = 1.7e9 + random.uniform(0, 250)
    flows += [dict(r, ts=r["ts"] + shift) | {"id.orig_h": f"10.0.3.{k + 10}"} for r in rows]
with open(sys.argv[2], "w") as f:
    for r in sorted(flows, key=lambda r: r["ts"]):
        print(json.dumps(r), file=f)
END

# count NAME FILE [WORD]: of its flows (those with WORD at the end of the line), how many are alarms?
count() {
    python3 - "$BGUARD" "$model" "$@" <<'END'
import gzip, json, os, subprocess, sys, tempfile
program, model, name, path, *word = sys.argv[1:]
options = []
if word:
    options = ["--only-classes", word[0]] if word[0] != "normal" else []
label = "--data" if word else "--negative" if name.startswith("ordinary") else "--positive"
flows = alarms = 0
# `eval` wants both labels or one; either will do.
said = subprocess.run([program, "model", "eval", model, label, "zeek:" + path, *options, "--json", "--quiet"],
                      capture_output=True, text=True)
if said.returncode:
    sys.exit(said.stderr)
d = json.loads(said.stdout)
want_normal = name.startswith("ordinary")
flows = d["rows"] - d["positives"] if want_normal else d["positives"]
alarms = d["fpr"] * flows if want_normal else d["recall"] * flows
z2 = 3.8415 # Wilson
p = alarms / flows
middle, spread = (p + z2 / 2 / flows) / (1 + z2 / flows), (z2 * (p * (1 - p) / flows + z2 / 4 / flows**2))**.5 / (1 + z2 / flows)
low = 0 if p == 0 else middle - spread
print(f"| {name} | {flows:,} | {alarms:,.0f} | {p:.2%} ({low:.2%} to {middle + spread:.2%}) |", flush=True)
END
}
train() { # SOURCE
    LEAVE_OUT=$1 scripts/train-models "$work/$1"
    model=$work/$1/flows.bgm
}

echo '| capture, not in training | flows | alarms | part (95 %) |'
echo '|---|---|---|---|'
train iot23
count 'ordinary: IoT-23, other flows of an infected device in a day' "$iot" normal
count 'attack: IoT-23, flood' "$iot" DDoS
count 'attack: IoT-23, scan of one port of many hosts' "$iot" PartOfAHorizontalPortScan
count 'attack: IoT-23, calls to the control server' "$iot" 'C&C'
train none
count 'ordinary: zat, a domain member logging in' "$work/data/json/conn.log"
count 'ordinary: Slips test 9, a host browsing' "$slips/test9-mixed-zeek-dir/conn.log"
count 'ordinary: the same, as 40 hosts at once' "$work/network.log"
count 'ordinary: Slips test 10, a campus network' "$work/test10.log"
count 'ordinary: CTU-SME-11, other flows of an infected host' "$slips/test18-malicious-ctu-sme-11-win/zeek-labeled/conn.log.labeled" normal
count 'attack: Slips, scan of the ports of one host' "$slips/port-scans/vertical/conn.log"
count 'attack: zat, a host infected with ZeroAccess' "$work/data/conn.log"
count 'attack: Slips, an infected host' "$slips/port-scans/horizontal/conn.log"
count 'attack: CTU-SME-11, RemcosRAT calling home' "$slips/test18-malicious-ctu-sme-11-win/zeek-labeled/conn.log.labeled" From_malicious-To_malicious-Malware_data_exfiltration-RemcosRAT
