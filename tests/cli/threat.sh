#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The threat commands, asking a service.
. "$(dirname "$0")/lib.sh.inc"
. "$(dirname "$0")/service.sh.inc"

asks_a_service() {
    printf '45.83.64.77\n' >feed.txt
    start_service --intel feed.txt
    login
    "$BGUARD" threat intel 45.83.64[.]77 >known
    grep -q 'listed' known || say "$(cat known)"
    ends_with 3 "$BGUARD" threat intel 192.0.2.1 >unknown
    printf abc >file
    "$BGUARD" threat scan file >scanned 2>note
    holds note 'no YARA rules are loaded'
    grep -q 'benign.*ba7816bf8f01cfea' scanned || say "$(cat scanned)"
    printf '{"source.ip":"192.0.2.9"}\n{"source.ip":"45.83.64.77"}\n' >events
    "$BGUARD" threat detect events >verdicts
    grep -q '^2 .*45.83.64.77' verdicts || say "$(cat verdicts)"
    "$BGUARD" threat detect --json - <events | grep -q '"results"' || say 'no JSON'
    ends_with 2 "$BGUARD" threat behavior events 2>err
    stop_service
}

scans_with_rules() {
    start_service --set "yara=$root/rules/yara"
    login
    printf abc >file
    "$BGUARD" threat scan file >scanned 2>note
    lacks note 'YARA'
    stop_service
}

case_of 'scanning with YARA rules' scans_with_rules
case_of 'the threat commands' asks_a_service
exit $failed
