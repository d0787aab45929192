#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The commands about indicators.
. "$(dirname "$0")/lib.sh.inc"
feeds="--intel $root/sample/intel --allow $root/sample/allow"

any_spelling() {
    for value in www.update-check.example 'hxxp://FILES.update-check[.]example/invoice_0311.docm' '203[.]0.113.80' \
        5F2A9C0D7E1B4836A2C4E6F8091B3D5F7A9CBEDF1023456789ABCDEF00112233; do
        # shellcheck disable=SC2086 # several words
        ends_with 0 "$BGUARD" intel query $feeds "$value" >out
        holds out 'listed by'
    done
}
allowed_wins() {
    # shellcheck disable=SC2086
    ends_with 3 "$BGUARD" intel query $feeds 198.51.100.3 192.0.2.1 >out
    holds out 'allowed'
    holds out 'not listed'
    ends_with 0 "$BGUARD" intel query --intel "$root/sample/intel" 198.51.100.3 >out
    holds out '198.51.100.0/28'
}
query_json() {
    # shellcheck disable=SC2086
    "$BGUARD" intel query --json $feeds update-check.example 192.0.2.1 >out
    python3 -c '
import json
a, b = json.load(open("out"))
assert a["listed"] and a["kind"] == "domain" and a["source"] and 0 <= a["confidence"] <= 1, a
assert not b["listed"] and not b["allowed"], b'
}
check_counts() {
    printf '203.0.113.9\n\n# remark\nthis is no indicator\n' >feed.txt
    ends_with 0 "$BGUARD" intel check --json feed.txt >out
    python3 -c '
import json
c = json.load(open("out"))
assert c["indicators"] == 1 and c["rejected"] == 1, c
assert c["errors"][0]["line"] == 4 and c["errors"][0]["file"] == "feed.txt", c'
    "$BGUARD" intel check "$root/sample/intel" >out
    holds out '5 indicators'
    ends_with 3 "$BGUARD" intel check nowhere 2>err
}
says_what_is_missing() {
    ends_with 2 "$BGUARD" intel query 192.0.2.1 2>err
    holds err 'say where the indicators are'
}

case_of 'an indicator is found in any spelling' any_spelling
case_of 'what is allowed wins' allowed_wins
case_of 'query answers in JSON' query_json
case_of 'check counts and places what it refuses' check_counts
case_of 'a query without feeds says so' says_what_is_missing
exit $failed
