#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The service over TLS, looked at by openssl, curl, testssl.sh and a WebSocket client.
. "$(dirname "$0")/lib.sh.inc"
. "$(dirname "$0")/service.sh.inc"

# One that knows X25519MLKEM768: 3.5 or newer.
openssl=$root/.deps/bin/openssl
[ -x "$openssl" ] || openssl=openssl
hybrid() { "$openssl" list -tls-groups -tls1_3 2>"$work/openssl" | grep -q X25519MLKEM768; }

client() { # OPTION...: what a handshake came to, in `said`
    "$openssl" s_client -connect "127.0.0.1:$port" -brief "$@" </dev/null >said 2>&1
}
pair() { # NAME [CA]: NAME.pem and NAME.key, of that CA or by itself
    set -- "$1" "${2:+-CA $2.pem -CAkey $2.key}"
    # shellcheck disable=SC2086
    "$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
        -addext 'subjectAltName=IP:127.0.0.1,DNS:localhost' $2 -keyout "$1.key" -out "$1.pem" 2>made
    chmod 600 "$1.key"
}
with_pair() { start_service --set tls.certificate="$PWD/mine.pem" --set tls.key="$PWD/mine.key" "$@"; }

groups() {
    start_service --set tls.self_signed=true
    client -tls1_3 -groups X25519MLKEM768 || say "$(tail -n 1 said)"
    holds said 'Negotiated TLS1.3 group: X25519MLKEM768'
    holds said 'Protocol version: TLSv1.3'
    client -tls1_3 -groups X25519
    curl -sk "$url/metrics" >metrics
    grep -q '^bguard_tls_hybrid_total [1-9]' metrics || say 'hybrids are not counted'
    stop_service
}
versions() {
    start_service --set tls.self_signed=true
    client -tls1_2 || say "$(tail -n 1 said)"
    grep -Eq '^Ciphersuite: ECDHE-.*-(GCM-SHA|CHACHA20)' said || say "$(grep Ciphersuite said)"
    for old in '-tls1_1' '-tls1' '-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256' '-tls1_2 -cipher AES128-GCM-SHA256'; do
        # shellcheck disable=SC2086
        if client $old -cipher "${old##*-cipher }:@SECLEVEL=0"; then say "$old is spoken"; fi
    done
    stop_service
}
new_certificate() {
    pair mine
    with_pair
    mkfifo ask
    python3 "$root/tests/cli/tls.py" old-and-new "$port" <ask >heard &
    exec 4>ask
    await 'nobody answers' holds heard 'old 200'
    before=$(sed -n 's/^old 200 //p' heard)
    pair mine
    kill -HUP "$pid"
    await 'the certificate was not loaded' holds serve.log '"certificate loaded"'
    echo >&4
    await 'nobody answers a new connection' holds heard 'new 200'
    after=$(sed -n 's/^new 200 //p' heard)
    [ "$(grep -c "^old 200 $before" heard)" = 2 ] || say 'the old connection has ended'
    [ "$after" != "$before" ] || say 'a new connection sees the old certificate'
    echo 'no certificate' >mine.pem
    kill -HUP "$pid"
    await 'a broken certificate was taken' holds serve.log '"the certificate stays as it was"'
    echo >&4
    await 'nobody answers after that' has_lines heard 'new 200' 2
    exec 4>&-
    [ "$(grep -c "^new 200 $after" heard)" = 2 ] || say 'the good certificate is gone'
    stop_service
}
has_lines() { [ "$(grep -c "$2" "$1")" -ge "$3" ]; }
client_certificates() {
    pair mine
    pair ca
    pair friend ca
    pair stranger
    is_ready() { curl -sfk --cert friend.pem --key friend.key -o ready "$url/health/ready"; }
    with_pair --set tls.client_ca="$PWD/ca.pem"
    ends_with 0 curl -sf --cacert mine.pem --cert friend.pem --key friend.key -o answer "$url/health"
    ends_with 56 curl -s --cacert mine.pem -o answer "$url/health"
    ends_with 56 curl -s --cacert mine.pem --cert stranger.pem --key stranger.key -o answer "$url/health"
    stop_service
}
key_of_everybody() {
    pair mine
    chmod 644 mine.key
    ends_with 9 "$BGUARD" serve --listen 127.0.0.1:0 --data "$PWD/data" \
        --set tls.certificate="$PWD/mine.pem" --set tls.key="$PWD/mine.key" 2>refused
    holds refused 'chmod 600'
}

# A browser cannot set headers: its token comes as a subprotocol, which is chosen.
websocket() {
    start_service --set tls.self_signed=true
    login --ca data/tls-certificate.pem
    BGUARD_TOKEN=$(token)
    export BGUARD_TOKEN
    python3 "$root/tests/cli/ws.py" "$url/ws" '{"subscribe":["alerts"]}' --for 0 >header
    for protocol in "bearer.$BGUARD_TOKEN" "bearer.wrong" ''; do
        printf 'header = "Upgrade: websocket"\nheader = "Connection: Upgrade"\nheader = "Sec-WebSocket-Version: 13"
header = "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="\n' >curl.conf
        [ -z "$protocol" ] || printf 'header = "Sec-WebSocket-Protocol: %s"\n' "$protocol" >>curl.conf
        # It stays open when it is taken: the head is enough.
        curl -skN --http1.1 --max-time 5 -K curl.conf -D "head$(wc -l <curl.conf)${#protocol}" -o body "$url/ws" || true
    done
    grep -l ' 101 ' head* >upgraded
    [ "$(wc -l <upgraded)" = 1 ] || say 'not just the one with a token was let in'
    holds "$(cat upgraded)" "Sec-WebSocket-Protocol: bearer.$BGUARD_TOKEN"
    [ "$(grep -l ' 401 ' head* | wc -l)" = 2 ] || say 'the others were not told 401'
    stop_service
}

# What a certificate of our own making has, and nothing else:
#   cert_chain_of_trust  nobody signed it but itself
#   cert_revocation      there is no authority to ask
#   engine_problem, sessionresumption_ticket   what the openssl that testssl.sh uses could not do
judged() {
    start_service --set tls.self_signed=true
    testssl --quiet --color 0 --warnings batch --ip one --sneaky --connect-timeout 20 --openssl-timeout 20 \
        --protocols --server-defaults --server-preference --fs --headers --vulnerable \
        --jsonfile found.json "$url" >testssl.out 2>&1 || true
    [ -s found.json ] || say "testssl: $(tail -n 1 testssl.out)"
    python3 "$root/tests/cli/tls.py" findings found.json cert_chain_of_trust cert_revocation engine_problem sessionresumption_ticket >judged ||
        say "$(grep unexpected judged | tr '\n' ';')"
    holds judged 'expected CRITICAL cert_chain_of_trust' # else it looked at nothing
    stop_service
}

if hybrid; then
    case_of 'X25519MLKEM768 is negotiated' groups
else
    echo "skip X25519MLKEM768 is negotiated: $("$openssl" version) does not know it"
fi
case_of 'old versions and weak suites are refused' versions
case_of 'a new certificate, while connections go on' new_certificate
case_of 'client certificates' client_certificates
case_of 'a key everybody can read' key_of_everybody
case_of 'a token as subprotocol' websocket
if command -v testssl >"$work/testssl"; then
    case_of 'testssl.sh finds nothing' judged
else
    echo 'skip testssl.sh finds nothing: no testssl.sh'
fi
exit $failed
