#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who gets into the service, and how far.
. "$(dirname "$0")/lib.sh.inc"
. "$(dirname "$0")/service.sh.inc"
export PYTHONDONTWRITEBYTECODE=1

ask() { # WHICH OPTION...
    which=$1
    shift
    mkdir rules
    cat >rules/hit.yml <<'END'
title: Hit
id: 6b3a5f6e-1f0e-4a53-8a3c-1d1f6f0f7a01
level: high
logsource: {product: app}
detection: {selection: {what: hit}, condition: selection}
END
    start_service --rules rules --set limits.rate=0 --set log.level=debug "$@"
    python3 "$root/tests/cli/tokens.py" "$url" "$which" secrets
    [ "$(wc -l <secrets)" -gt 5 ] || say 'no secrets to look for'
    awk 'length($0) > 8' secrets >long
    ! grep -oFf long serve.log >found || say "in the log: $(head -c 60 found)"
    lacks serve.log '"level":"error"'
    stop_service
}
hs256() {
    export JWT_SECRET=4f2d0e6b8a7c4c1d9e3b5a6f7081928374655647
    ask "$1" --set auth.algorithm=hs256
}
roles() { hs256 roles; }
forged_hs256() { hs256 forged_hs256; }
forged_hybrid() { ask forged_hybrid; }

case_of 'every route lets in whom it should' roles
case_of 'tokens under a secret cannot be forged' forged_hs256
case_of 'tokens with two signatures cannot be forged' forged_hybrid
exit $failed
