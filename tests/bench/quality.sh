#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How good are the models?  Trains and judges every kind on public data, each time on rows kept back, and prints a table.
#
#     BGUARD_DATA=/folder/of/public/data tests/bench/quality.sh [WORD]    only sets with WORD in their name
#
# Splits and seeds are in the commands, which it writes to standard error as it runs them.  $THREADS: 0 is all.
set -eu
cd "$(dirname "$0")/../.."
: "${BGUARD:=$PWD/build/bguard}" "${BGUARD_DATA:=../shared/data}" "${THREADS:=0}"
[ -d "$BGUARD_DATA" ] || { echo 'set BGUARD_DATA to the folder of public data' >&2; exit 1; }
only=${1-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
seed=7

say() { echo "+ $*" >&2; "$@"; }
wanted() { case "$1" in *"$only"*) return 0 ;; *) return 1 ;; esac }
# train NAME KIND OPTIONS...: the model is $work/NAME.bgm; its time goes into the row.
train() {
    name=$1 kind=$2
    shift 2
    started=$(date +%s)
    say "$BGUARD" model train "$kind" "$@" --seed $seed --threads "$THREADS" --quiet --out "$work/$name.bgm"
    seconds=$(($(date +%s) - started))
}
# judge SET KIND NAME OPTIONS...: one line of the table.
judge() {
    set=$1 kind=$2 name=$3
    shift 3
    say "$BGUARD" model eval "$work/$name.bgm" "$@" --threads "$THREADS" --json >"$work/out.json"
    python3 - "$set" "$kind" "$seconds" "$work/out.json" <<'END'
import json, sys
name, kind, seconds, path = sys.argv[1:]
d = json.load(open(path))
number = lambda v: "–" if v is None else f"{v:.4f}"
low, high = d["intervals"]["roc_auc"]
between = "" if low is None else f" ({low:.4f} to {high:.4f})"
eer = d.get("person_equal_error_rate")
print(f"| {name} | {kind} | {d['rows']:,} ({d['positives']:,}) | {number(d['roc_auc'])}{between} | {number(d['pr_auc'])} | "
      f"{number(d['accuracy'])} | {number(d['f1'])} | {number(d['recall'])} | {number(d['fpr'])} | "
      f"{number(d['recall_at']['0.01'])} | {number(d['equal_error_rate'] if eer is None else eer)} | {d['us_per_row']:.2f} | {seconds} |", flush=True)
END
}
unpack() { mkdir -p "$work/$2" && tar -xf "$BGUARD_DATA/$1" -C "$work/$2"; }

echo '| data, and what was kept back | kind | rows (attacks) | ROC AUC (95 %) | PR AUC | accuracy | F1 | recall | FPR | recall at FPR 1 % | EER | µs a row | trained in s |'
echo '|---|---|---|---|---|---|---|---|---|---|---|---|---|'

if wanted nsl-kdd; then
    data=$BGUARD_DATA/nsl-kdd/KDDTrain+.txt.gz
    unseen=satan,portsweep,back,warezclient,guess_passwd,buffer_overflow,imap,rootkit,multihop,phf
    for kind in xgboost iforest autoencoder ensemble; do
        train nsl $kind --data "$data" --format nsl-kdd --hold-back 0.3 --hold-out $unseen
        judge 'nsl-kdd, 30 % of the rows' $kind nsl --data "$data" --hold-back 0.3 --seed $seed --except-classes $unseen
        judge 'nsl-kdd, the same and ten kinds of attack never seen' $kind nsl --data "$data" --hold-back 0.3 --seed $seed --only-classes $unseen
    done
fi
if wanted unsw-nb15; then
    data=$BGUARD_DATA/unsw-nb15/train_dedup_70.csv.gz
    for kind in xgboost iforest autoencoder ensemble; do
        train unsw $kind --data "$data" --format unsw-nb15 --hold-back 0.3
        judge 'unsw-nb15, 30 % of the rows' $kind unsw --data "$data" --hold-back 0.3 --seed $seed
    done
fi
if wanted adfa-ld; then
    unpack adfa-ld/traces.tar.xz adfa
    normal=$(find "$work/adfa" -type d -name 'Training_Data*' | head -1)
    other=$(find "$work/adfa" -type d -name 'Validation_Data*' | head -1)
    attack=$(find "$work/adfa" -type d -name 'Attack_Data*' | head -1)
    # Attacks are in folders KIND_1 to KIND_10 of traces that were recorded together.  Every fifth folder of each kind is kept back.
    mkdir "$work/known" "$work/kept"
    for folder in "$attack"/*; do
        case $folder in *[50]) cp -r "$folder" "$work/kept" ;; *) cp -r "$folder" "$work/known" ;; esac
    done
    train adfa ngram --negative "$normal" --positive "$work/known" --format sequence --no-test --fpr 0.05
    judge 'adfa-ld, every fifth folder of attacks and the validation traces' ngram adfa --negative "$other" --positive "$work/kept"
    for unseen in Adduser Hydra_FTP Hydra_SSH Java_Meterpreter Meterpreter Web_Shell; do
        train adfa ngram --negative "$normal" --positive "$attack" --format sequence --no-test --fpr 0.05 --hold-out $unseen
        judge "adfa-ld, attacks of the kind $unseen, of which it saw none, and the validation traces" ngram adfa \
            --negative "$other" --positive "$attack" --only-classes normal,$unseen
    done
    for kind in markov lstm transformer; do
        train adfa $kind --negative "$normal" --format sequence --fpr 0.05
        judge 'adfa-ld, all attacks and the validation traces' $kind adfa --negative "$other" --positive "$attack"
    done
fi
if wanted hdfs; then
    # Only normal sessions there are: what can be said is how many of those kept back are called attacks.
    for kind in markov lstm transformer; do
        train hdfs $kind --negative "$BGUARD_DATA/hdfs/train_normal.txt" --format sequence --hold-back 0.3 --fpr 0.01
        judge 'hdfs, 30 % of the normal sessions' $kind hdfs --negative "$BGUARD_DATA/hdfs/train_normal.txt" --hold-back 0.3 --seed $seed
    done
fi
if wanted iot23; then
    data=$BGUARD_DATA/iot23/conn.log.labeled.gz
    unpack network/slips-dataset.tar.xz slips
    elsewhere=$(find "$work/slips" -name 'conn.log.labeled' | sort)
    for kind in xgboost iforest autoencoder ensemble; do
        train iot $kind --data "$data" --format zeek --hold-back 0.3
        judge 'iot23, 30 % of the capture, pairs of hosts together' $kind iot --data "$data" --hold-back 0.3 --seed $seed
        # shellcheck disable=SC2086 # several files
        [ -z "$elsewhere" ] || judge 'iot23, judged in another network' $kind iot --data $elsewhere
    done
fi
if wanted keystroke; then
    data=$BGUARD_DATA/keystroke/meu_mobile_users_01_28.csv.gz
    train keys keystroke --data "$data" --hold-back 0.3
    judge 'keystroke, 30 % of the rows, everybody against everybody' keystroke keys --data "$data" --hold-back 0.3 --seed $seed
fi
