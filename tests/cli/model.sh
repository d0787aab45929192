#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Models from training to removal, on small data made here.
. "$(dirname "$0")/lib.sh.inc"

python3 - "$work" <<'END' || exit 1
import random, sys
random.seed(3)
folder = sys.argv[1]

def rows(name, n, attacks):
    with open(f"{folder}/{name}", "w") as f:
        f.write("dur,bytes,count,proto,label,attack\n")
        for _ in range(n):
            kind = random.choice(["scan", "flood"]) if random.random() < attacks else "normal"
            size = random.lognormvariate({"scan": 4, "flood": 11}.get(kind, 8), 1)
            f.write(f"{random.expovariate(1):.4f},{size:.0f},{random.gauss(5 if kind == 'normal' else 9, 3):.2f},"
                    f"{random.choice(['tcp', 'udp'])},{int(kind != 'normal')},{kind}\n")

def sessions(name, n, attack):
    with open(f"{folder}/{name}", "w") as f:
        for _ in range(n):
            x, out = random.randrange(4), []
            for _ in range(random.randrange(20, 50)):
                out.append(x)
                odd = random.random() < (0.4 if attack else 0.1)
                x = random.randrange(12) if odd else (x * 3 + 1) % 12
            f.write(" ".join(map(str, out)) + "\n")

rows("train.csv", 1500, 0.2)
rows("test.csv", 800, 0.25)
sessions("normal.txt", 250, False)
sessions("normal2.txt", 120, False)
sessions("attack.txt", 60, True)
END
model() { "$BGUARD" model "$@"; }
train() { model train "$@" --threads 1 --quiet; }
json_is() { # FILE CONDITION; the document is d
    python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert eval(sys.argv[2]), json.dumps(d)[:300]' "$@"
}

train xgboost --data "$work/train.csv" --format csv --trees 30 --seed 7 --fpr 0.02 --out "$work/x.bgm" || exit 1
train iforest --data "$work/train.csv" --format csv --trees 50 --seed 7 --out "$work/f.bgm" || exit 1
train markov --negative "$work/normal.txt" --seed 7 --out "$work/m.bgm" || exit 1

eval_json() {
    model eval "$work/x.bgm" --data "$work/test.csv" --json >out
    json_is out 'all(isinstance(d[k], (int, float)) for k in ("rows", "positives", "accuracy", "precision", "recall",
        "f1", "roc_auc", "pr_auc", "fpr", "threshold", "us_per_row", "equal_error_rate", "missing"))'
    json_is out 'd["rows"] == 800 and d["roc_auc"] > 0.85 and d["us_per_row"] > 0'
    json_is out 'sorted(d["recall_at"]) == ["0.001", "0.01", "0.05", "0.1"]'
    json_is out 'd["intervals"]["roc_auc"][0] < d["roc_auc"] < d["intervals"]["roc_auc"][1]'
    json_is out 'sum(d["confusion"].values()) == 800'
    json_is out '{c["name"] for c in d["classes"]} == {"scan", "flood"}'
}
same_seed_same_model() {
    train xgboost --data "$work/train.csv" --format csv --trees 30 --seed 7 --fpr 0.02 --out again.bgm
    for f in "$work/x.bgm" again.bgm; do
        model eval "$f" --data "$work/test.csv" --json | sed 's/"version":"[^"]*"//; s/"us_per_row":[^,]*//' >"$(basename "$f").out"
    done
    same x.bgm.out again.bgm.out
}
many_files() {
    model eval "$work/m.bgm" --negative "$work/normal2.txt" "$work/normal.txt" --positive "$work/attack.txt" --json >out
    json_is out 'd["rows"] == 430 and d["positives"] == 60 and d["roc_auc"] > 0.7'
    model eval "$work/m.bgm" --negative "$work/normal2.txt" --positive "$work/attack.txt" >out
    holds out 'ROC AUC'
    holds out 'threshold'
}
threshold_is_moved() {
    model eval "$work/x.bgm" --data "$work/test.csv" --threshold 2 --json >out
    json_is out 'd["recall"] == 0 and d["fpr"] == 0 and d["threshold"] == 2'
}
compares() {
    model compare "$work/f.bgm" "$work/x.bgm" --data "$work/test.csv" --json --pictures pics >out
    json_is out '[m["best"] for m in d["models"]] == [m["roc_auc"] == max(k["roc_auc"] for k in d["models"]) for m in d["models"]]'
    json_is out 'all(0 <= m["p_delong"] <= 1 and (m["p_delong"] == 1) == m["best"] for m in d["models"])'
    json_is out 'all(0 <= m["p_mcnemar"] <= 1 for m in d["models"])'
    json_is out 'd["models"][0]["rows"] == d["models"][1]["rows"] == 800'
    for f in roc roc_log pr reliability scores; do
        [ -s pics/$f.svg ] || say "no $f.svg"
        head -c 8 pics/$f.png | cmp - "$work/png" || say "$f.png is none"
    done
    python3 -c '
import glob, xml.dom.minidom
for f in glob.glob("pics/*.svg"): xml.dom.minidom.parse(f)'
    model compare "$work/f.bgm" "$work/x.bgm" --data "$work/test.csv" >out
    holds out '* '
}
printf '\211PNG\r\n\032\n' >"$work/png"
explains() {
    LC_ALL=C "$BGUARD" model explain "$work/x.bgm" --data "$work/test.csv" --top 2 --pictures pics >out
    holds out 'bytes'
    holds out '#'
    model explain "$work/x.bgm" --data "$work/test.csv" --row 5 --json >out
    json_is out 'len(d) == 1 and d[0]["row"] == 5 and d[0]["reasons"] and d[0]["words"]'
    model explain "$work/m.bgm" --positive "$work/attack.txt" --top 1 >out
    holds out 'event'
    [ "$(ls pics/row-*.png | wc -l)" = 2 ] || say 'not two pictures'
    ends_with 3 model explain "$work/x.bgm" --data "$work/test.csv" --row 999999 2>err
}
promotes() {
    export BGUARD_MODELS=kept
    model import "$work/x.bgm" --name web >/dev/null
    model import "$work/f.bgm" --name web >/dev/null
    ends_with 10 model rollback web 2>err
    first=$(model list --json | python3 -c 'import json, sys; print([m["version"] for m in json.load(sys.stdin) if m["kind"] == "xgboost"][0])')
    model promote web "$first" >/dev/null
    model promote web --shadow --json >out
    json_is out "d['live'] == '$first' and d['shadow'] and d['shadow'] != d['live']"
    model promote web --json >out
    json_is out "d['before'] == '$first' and d['shadow'] == ''"
    model rollback web --json >out
    json_is out "d['live'] == '$first'"
    ends_with 10 model remove web "$first" 2>err
    model eval web --data "$work/test.csv" --json >out
    json_is out "d['version'] == '$first'"
    model export web --out back.bgm
    same back.bgm "$work/x.bgm"
    other=$(model list --json | python3 -c 'import json, sys; print([m["version"] for m in json.load(sys.stdin) if m["kind"] == "iforest"][0])')
    model remove web "$other" >/dev/null
    model list >out
    lacks out iforest
    ends_with 3 model promote wep 2>err
    holds err "did you mean 'web'"
    model import "$work/m.bgm" --name sessions >/dev/null
    model promote sessions >out 2>err
    holds out live
    holds err 'does not score flows'
}
adds_itself() {
    train markov --negative "$work/normal.txt" --name seq --add --models here
    model list --models here >out
    holds out seq
}
xgboost_and_back() {
    model export "$work/x.bgm" --xgboost --out x.ubj
    model import x.ubj --name theirs --models here >/dev/null
    model show theirs --models here >card
    holds card unknown
    model export theirs --models here --out y.bgm --json >said
    holds said '"file":"y.bgm"'
    model eval "$work/x.bgm" --data "$work/test.csv" --json >one
    model eval y.bgm --data "$work/test.csv" --format csv --json >two
    python3 -c '
import json
a, b = (json.load(open(f))["roc_auc"] for f in ("one", "two"))
assert abs(a - b) < 0.01, (a, b)'
    ends_with 7 model export "$work/f.bgm" --xgboost --out z 2>err
}
damaged_is_refused() {
    for n in 0 7 200 2000; do
        head -c $n "$work/x.bgm" >cut.bgm
        ends_with 2 model eval cut.bgm --data "$work/test.csv" 2>err
        holds err "cut.bgm"
    done
    ends_with 2 model import cut.bgm --models here 2>err
    [ ! -e here ] || say 'it was kept'
}
keeps_classes_and_parts_out() {
    train xgboost --data "$work/train.csv" --format csv --trees 20 --hold-out scan --hold-back 0.3 --seed 4 --out h.bgm
    model eval h.bgm --data "$work/train.csv" --hold-back 0.3 --seed 4 --only-classes scan --json >out
    json_is out '[c["name"] for c in d["classes"]] == ["scan"] and 300 < d["rows"] < 500'
    ends_with 3 train xgboost --data "$work/train.csv" --format csv --hold-out scam --out i.bgm 2>err
    holds err "did you mean 'scan'"
}
rows_it_was_trained_on_are_named() {
    model eval "$work/x.bgm" --data "$work/train.csv" --json >out 2>err
    holds err 'trained on these rows'
    json_is out 'd["trained_on"]'
    model eval "$work/x.bgm" --data "$work/test.csv" --json >out 2>err
    lacks err 'trained on'
    train xgboost --data "$work/train.csv" --format csv --trees 5 --hold-back 0.3 --seed 4 --out k.bgm
    model eval k.bgm --data "$work/train.csv" --hold-back 0.3 --seed 4 --json >out 2>err
    json_is out 'not d["trained_on"]'
    model eval k.bgm --data "$work/train.csv" --hold-back 0.3 --seed 5 >out 2>err
    holds err 'trained on these rows'
    model explain k.bgm --data "$work/train.csv" --hold-back 0.3 --seed 4 >/dev/null
}
budget_sets_the_threshold() {
    ends_with 2 train iforest --data "$work/train.csv" --format csv --budget 5/day --out b.bgm 2>err
    holds err '--volume'
    ends_with 2 train iforest --data "$work/train.csv" --format csv --budget 5 --volume 9/day --out b.bgm 2>err
    holds err 'and its period'
    train iforest --data "$work/train.csv" --format csv --budget 5/day --volume 2000000/day --out b.bgm
    model show b.bgm >out
    holds out '2,000,000 rows'
    holds out 'too few to show'
    mkdir b.bgm.training && touch b.bgm.training/other.state
    model train iforest --data "$work/train.csv" --format csv --out b.bgm --resume >out 2>err
    holds err 'starting anew'
    rm -r b.bgm.training
    train iforest --data "$work/train.csv" --format csv --budget 60/hour --volume 28800/day --out b.bgm
    model show b.bgm --json >out # 0.05
    json_is out '0.02 < d["card"]["fpr"] < 0.12'
}
mistakes_are_named() {
    ends_with 2 model train xgbost --data x --out y 2>err
    holds err "did you mean 'xgboost'"
    lacks err remote
    printf '#separator \\x09\n#fields\tts\tuid\n1\tC1\n' >conn.log
    ends_with 2 model train iforest --data conn.log --format csv --out y 2>err
    holds err 'looks like a Zeek log: --format zeek'
    ends_with 2 model train markov --data conn.log --out y 2>err
    holds err 'looks like a Zeek log: --format zeek'
    printf 'a\n1\n2\n' >one.csv
    ends_with 2 model train iforest --data one.csv --format csv --out y 2>err
    holds err 'is one column'
    ends_with 2 model train xgboost --data --format csv --out y 2>err
    holds err "'--data' wants a value"
    ends_with 2 model train xgboost --data "$work/train.csv" --out y 2>err
    holds err '--format'
    ends_with 2 model train xgboost --data "$work/train.csv" --format nsl-kd --out y 2>err
    holds err "did you mean 'nsl-kdd'"
    ends_with 2 model train xgboost --data "$work/train.csv" --format csv 2>err
    holds err '--out'
    ends_with 3 model eval nowhere --data "$work/test.csv" 2>err
    ends_with 3 model eval "$work/x.bgm" --data nowhere 2>err
    ends_with 2 model eval "$work/x.bgm" --negative "$work/normal.txt" --format sequence 2>err
    ends_with 2 model train xgboost --data "$work/train.csv" --format csv --out y --option tres=3 2>err
}
killed_goes_on() {
    common="--negative $work/normal.txt --seed 5 --threads 1 --epochs 8 --option width=16"
    # shellcheck disable=SC2086 # several words
    model train lstm $common --quiet --out whole.bgm
    # shellcheck disable=SC2086
    "$BGUARD" model train lstm $common --quiet --out cut.bgm &
    pid=$!
    while kill -0 $pid 2>/dev/null && [ -z "$(ls cut.bgm.training 2>/dev/null)" ]; do :; done
    kill -9 $pid 2>/dev/null || say 'it was done too soon'
    wait $pid || :
    [ ! -e cut.bgm ] || say 'a model was left'
    # shellcheck disable=SC2086
    ends_with 10 model train lstm $common --out cut.bgm 2>err
    holds err '--resume'
    # shellcheck disable=SC2086
    model train lstm $common --quiet --out cut.bgm --resume
    [ ! -e cut.bgm.training ] || say 'the checkpoint is still there'
    for f in whole cut; do
        model eval $f.bgm --negative "$work/normal2.txt" --positive "$work/attack.txt" --json |
            sed 's/"version":"[^"]*"//; s/"us_per_row":[^,]*//' >$f.out
    done
    same whole.out cut.out
}
interrupted_says_how_to_go_on() {
    "$BGUARD" model train lstm --negative "$work/normal.txt" --threads 1 --epochs 500 --quiet --out cut.bgm 2>err &
    pid=$!
    while kill -0 $pid 2>/dev/null && [ -z "$(ls cut.bgm.training 2>/dev/null)" ]; do :; done
    kill -INT $pid
    ends_with 130 wait $pid
    holds err '--resume'
    [ -n "$(ls cut.bgm.training)" ] || say 'nothing is left to go on with'
}
card_is_readable() {
    model show "$work/x.bgm" --pictures pics >out
    holds out 'threshold'
    holds out 'What it looks at'
    holds out 'parameters'
    [ -s pics/importance.svg ] || say 'no picture of importance'
    lacks out nan
}

case_of 'eval answers in JSON' eval_json
case_of 'the same seed makes the same model' same_seed_same_model
case_of 'options take many files' many_files
case_of 'a threshold can be tried' threshold_is_moved
case_of 'models are compared on the same rows' compares
case_of 'rows are explained' explains
case_of 'versions are promoted and rolled back' promotes
case_of 'training can put its model into the folder' adds_itself
case_of 'XGBoost models go out and come in' xgboost_and_back
case_of 'a damaged model is refused' damaged_is_refused
case_of 'classes and parts can be kept out' keeps_classes_and_parts_out
case_of 'rows that a model was trained on are named' rows_it_was_trained_on_are_named
case_of 'a budget of alarms sets the threshold' budget_sets_the_threshold
case_of 'mistakes about models are named' mistakes_are_named
case_of 'a training that was killed goes on' killed_goes_on
case_of 'an interrupted training says how to go on' interrupted_says_how_to_go_on
case_of 'a card is readable' card_is_readable
exit $failed
