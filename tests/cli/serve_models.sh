#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Models in the service: trained, taken in, put into use, watched; and asked by others' programs, as it asks theirs.
#
# Other people's programs are NVIDIA's Triton client and MLServer in a virtual environment of Python:
# $BGUARD_MLSERVER_VENV, else .deps/mlserver, which `scripts/setup --dev` makes.
. "$(dirname "$0")/lib.sh.inc"
. "$(dirname "$0")/service.sh.inc"
export PYTHONDONTWRITEBYTECODE=1
unset BGUARD_MODELS
venv=${BGUARD_MLSERVER_VENV:-$root/.deps/mlserver}
model_py() { python3 "$root/tests/cli/models.py" "$@"; }
venv_py() { "$venv/bin/python" "$root/tests/cli/models.py" "$@"; }

train() { # FILE [OPTION...]
    file=$1
    shift
    [ -f rows.csv ] || model_py rows >rows.csv
    "$BGUARD" model train xgboost --data rows.csv --format csv --trees 40 --name flows --out "$file" "$@" >trained 2>note ||
        say "$(tail -n 1 note)"
}
start_models() { start_service --set models.shipped=none --set limits.rate=0 "$@" && login; }
import() { # FILE: sets $version
    status=$(api POST '/api/models?name=flows' -H 'Content-Type: application/octet-stream' --data-binary "@$1")
    [ "$status" = 201 ] || say "$status $(cat answer)"
    version=$(sed -n 's/.*"version":"\([0-9a-f]*\)".*/\1/p' answer)
}
promote() { # JSON
    status=$(api POST /api/models/flows/promote -H 'Content-Type: application/json' -d "$1")
    [ "$status" = 200 ] || say "$status $(cat answer)"
}

in_use() {
    train a.bgm
    train b.bgm --seed 2
    start_models
    import a.bgm
    first=$version
    import b.bgm
    promote "{\"version\":\"$first\"}"
    holds answer '"state":"live"'
    model_py stream "$url" "$(token)" "$first"
    promote '{"shadow":true}'
    promote '{}'
    [ "$(api POST /api/models/flows/rollback)" = 200 ] || say "$(cat answer)"
    api GET /api/models/flows/live >status
    holds answer "\"version\":\"$first\""
    [ "$(api GET /api/models/flows/live/pictures/roc.svg)" = 200 ] || say 'no picture'
    holds answer '<svg'
    [ "$(api GET /api/models/flows/live/pictures/roc.png)" = 200 ] || say 'no picture'
    model_py watched "$url" "$(token)" "$first"
    stop_service
    start_models
    api GET /api/models/flows/live >status
    holds answer "\"version\":\"$first\""
    stop_service
}

# What the registry is told by the command line is what the service does.
by_the_command_line() {
    train a.bgm
    train b.bgm --seed 2
    start_models
    export BGUARD_MODELS="$data/models"
    "$BGUARD" model import a.bgm --name flows >out
    "$BGUARD" model promote flows >out
    await 'the service does not see it' in_service 'model in use'
    model_py stream "$url" "$(token)" ''
    unset BGUARD_MODELS
    stop_service
}
in_service() { grep -qF "$1" serve.log; }

shipped() {
    mkdir shipped
    train shipped/flows.bgm
    start_service --set models.shipped="$PWD/shipped" --set limits.rate=0
    login
    model_py stream "$url" "$(token)" ''
    api GET /api/models >status
    holds answer '"shipped":true'
    train a.bgm --seed 3
    import a.bgm
    promote '{}'
    api GET /api/models/flows/live >status
    holds answer "\"version\":\"$version\""
    printf 'no model' >shipped/other.bgm
    stop_service
    start_service --set models.shipped="$PWD/shipped"
    holds serve.log '"model left out"'
    stop_service
}

offline() {
    mkdir models
    train models/flows.bgm
    model_py flows >flows.json
    "$BGUARD" detect --models models --output ndjson flows.json >one 2>note
    grep -q '"kind":"model"' one || say "$(cat note)"
    [ "$(grep -c '"kind":"model"' one)" -ge 5 ] || say 'too few'
    "$BGUARD" detect --models models --output ndjson --threads 4 flows.json >many
    same one many
    "$BGUARD" detect --rules "$root/rules" --no-models --output ndjson flows.json >none
    lacks none '"kind":"model"'
    ends_with 3 "$BGUARD" detect --models no-such flows.json 2>err
    mkdir empty
    ends_with 3 "$BGUARD" detect --models empty flows.json 2>err
}

triton() {
    train a.bgm
    start_models
    import a.bgm
    promote '{}'
    printf 'name,data\n' >unused
    key=$("$BGUARD" keys add infer --json 2>note | sed -n 's/.*"secret": *"\([^"]*\)".*/\1/p')
    [ "$key" ] || key=$(token)
    venv_py triton "$url" "$key" "$version"
    stop_service
}

verdicts() {
    train a.bgm
    start_models
    import a.bgm
    promote '{}'
    model_py verdicts "$url" "$(token)"
    stop_service
}

retrain() {
    train a.bgm
    start_models
    import a.bgm
    promote '{}'
    mkdir "$data/training"
    cp rows.csv "$data/training/rows.csv"
    model_py retrain "$url" "$(token)" "$BGUARD"
    stop_service
}

# A training is a process of its own: it may fail, be cancelled, or be cut off by the service's end.
jobs() {
    model_py rows >rows.csv
    start_models
    mkdir "$data/training"
    cp rows.csv "$data/training/rows.csv"
    model_py jobs "$url" "$(token)"
    job=$(cat job)
    stop_service
    start_models
    [ "$(api GET "/api/models/jobs/$job")" = 200 ] || say "$(cat answer)"
    holds answer '"state":"interrupted"'
    stop_service
}

mlserver() {
    train a.bgm
    venv_py mlserver "$BGUARD" a.bgm rows.csv "$(command -v "$venv/bin/mlserver")"
}

case_of 'a model is taken in, put into use, watched, rolled back and kept' in_use
case_of 'what the command line promotes is in use' by_the_command_line
case_of 'models that came with the program are used until others are' shipped
case_of 'an alert tells of a model that people think less of than its card' verdicts
case_of 'a model learns from how its alerts were closed, and comes into shadow' retrain
case_of 'models are trained by processes of their own' jobs
case_of 'files are scored too, the same on any number of workers' offline
if [ -x "$venv/bin/python" ]; then
    case_of "NVIDIA's client and the types of MLServer understand it" triton
    case_of 'a model of a real MLServer is asked' mlserver
else
    echo "skip NVIDIA's client and MLServer: no $venv; scripts/setup --dev makes it"
fi
exit $failed
