#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Our own rules, and the commands about rules.
. "$(dirname "$0")/lib.sh.inc"

own_rules_pass() {
    (cd "$root" && "$BGUARD" rules test rules) >out || { grep '^FAIL' out; return 1; }
    "$BGUARD" rules check "$root/rules" >out
    holds out '0 failed'
}
every_rule_has_cases() {
    find "$root/rules" -name '*.yml' ! -name '*.test.yml' | while read -r rule; do
        [ -f "${rule%.yml}.test.yml" ] || say "$rule has no cases"
        grep -q 'match: false' "${rule%.yml}.test.yml" || say "$rule has no case that must not fire"
    done
}
ids_are_unique() {
    "$BGUARD" rules list --json "$root/rules" >out
    python3 - out <<'PY'
import json, re, sys
rules = json.load(open(sys.argv[1]))
ids = [r["id"] for r in rules]
assert len(set(ids)) == len(ids) >= 18
assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", i) for i in ids)
assert sum(r["correlation"] for r in rules) >= 4
assert all(r["title"] and r["description"] and r["author"] for r in rules)
assert all(r["techniques"] for r in rules if r["level"] not in ("informational", "low")), rules
PY
}
check_json() {
    mkdir r
    cp "$root/rules/web/scanner.yml" r/good.yml
    printf 'title: t\nlogsource:\n    category: x\ndetection:\n    a:\n        f: 1\n    condition: a and\n' >r/bad.yml
    ends_with 1 "$BGUARD" rules check --json r >out
    python3 - out <<'PY'
import json, sys
c = json.load(open(sys.argv[1]))
assert c["loaded"] == 1 and c["failed"] == 1 and len(c["errors"]) == 1, c
e = c["errors"][0]
assert e["file"] == "r/bad.yml" and e["line"] == 7 and e["reason"], e
PY
    ends_with 1 "$BGUARD" rules check r >out
    holds out 'r/bad.yml:7: '
    ends_with 0 "$BGUARD" rules check r/good.yml >out
    ends_with 3 "$BGUARD" rules check nowhere 2>err
    printf 'title: c\ncorrelation: {type: event_count, rules: [no], timespan: 1m, condition: {gt: 1}}\n' >r/c.yml
    ends_with 1 "$BGUARD" rules check r >out
    holds out '1 rule loaded, 0 of them correlations; 2 failed'
}
failing_cases_are_told() {
    cp "$root/rules/web/scanner.yml" r.yml
    cat >r.test.yml <<'END'
- name: must fire and does not
  event: '198.51.100.1 - - [11/Mar/2025:07:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "Mozilla"'
- name: must not and does
  match: false
  event: '198.51.100.1 - - [11/Mar/2025:07:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "nikto"'
- name: counts
  count: 2
  event: '198.51.100.1 - - [11/Mar/2025:07:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "nikto"'
- name: nobody
  rule: nobody
  event: x
- name: odd
  evnt: x
- name: works
  event: '198.51.100.1 - - [11/Mar/2025:07:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "nikto"'
END
    ends_with 1 "$BGUARD" rules test . >out
    holds out 'FAIL ./r.test.yml:1: must fire and does not: did not fire on 1 events'
    holds out 'FAIL ./r.test.yml:3: must not and does: fired 1 times and must not'
    holds out 'fired 1 times, not 2'
    holds out "rule 'nobody' is not loaded"
    holds out "FAIL ./r.test.yml:12: odd: unknown key 'evnt'"
    holds out '1 case passed, 5 failed'
    ends_with 1 "$BGUARD" rules test --json . >out
    python3 -c 'import json; c = json.load(open("out")); assert c["passed"] == 1 and c["failed"] == 5 and len(c["cases"]) == 6, c'
    mkdir none
    ends_with 3 "$BGUARD" rules test --rules r.yml none 2>err
    holds err 'there is no test case'
}
sigmahq_layout() {
    mkdir -p regression_data/x
    cat >regression_data/x/info.yml <<'END'
id: 00000000-0000-4000-8000-000000000000
rule_metadata:
    - id: ID
      title: Encoded
regression_tests_info:
    - name: Positive
      type: evtx
      path: regression_data/x/e.evtx
      match_count: 1
END
    id=$(sed -n 's/^id: //p' "$root/rules/windows/security_log_cleared.yml")
    sed -i "s/ID\$/$id/" regression_data/x/info.yml
    ends_with 1 "$BGUARD" rules test --rules "$root/rules" regression_data >out
    holds out 'its file is not there'
    printf '{"Event":{"System":{"EventID":1102,"Channel":"Security","Provider":{"#attributes":{"Name":"Microsoft-Windows-Eventlog"}}}}}' >regression_data/x/e.json
    ends_with 0 "$BGUARD" rules test --rules "$root/rules" regression_data >out
    holds out 'ok   regression_data/x/info.yml'
}
explain_says_why() {
    "$BGUARD" rules explain --rules "$root/rules/web/sql_injection.yml" --line 71 "$root/sample/logs/access.log.gz" >out
    holds out 'SQL Injection Attempt'
    holds out 'access.log.gz:71'
    "$BGUARD" rules explain --json --rules "$root/rules/web/sql_injection.yml" --most 3 "$root/sample/logs/access.log.gz" >out
    python3 -c '
import json
lines = [json.loads(l) for l in open("out")]
assert len(lines) == 3 and all("explain" in l and l["line"] for l in lines)'
    ends_with 2 "$BGUARD" rules explain --rules "$root/rules" "$root/sample/logs/auth.log" 2>err
    holds err 'say --rule ID'
    ends_with 3 "$BGUARD" rules explain --rules "$root/rules" --rule nobody "$root/sample/logs/auth.log" 2>err
    holds err "there is no rule 'nobody'"
    ends_with 2 "$BGUARD" rules explain --rules "$root/rules" --rule 374f4d0e-2749-4e4e-94b4-0085c08e2d5c "$root/sample/logs/auth.log" 2>err
    holds err 'this is a correlation; explain the rules it refers to: 3656b6f4-5637-4481-a7d8-f8a5b6a7f560'
}
list_is_a_table() {
    "$BGUARD" rules list --min-level critical "$root/rules" >out
    holds out 'Memory Of LSASS Opened For Reading'
    lacks out 'Attack Tool Names Itself'
}
readme_filter_silences() {
    detect "$root/sample/logs/auth.log" >out
    holds out 'Administrator Account Made With Sudo'
    sed -n '/^```yaml/,/^```/{/^```/!p}' "$root/README.md" >filter.yml
    holds filter.yml 'filter:'
    ends_with 0 detect --rules filter.yml "$root/sample/logs/auth.log" >out 2>err
    lacks out 'Administrator Account Made With Sudo'
    lacks out 'did not load'
    holds out 'Shell Connected To'
}
placeholders_are_filled() {
    cat >p.yml <<'END'
title: Login of an administrator
id: 7b1d1c5e-7f6a-4a8e-9d0b-3f1f5a2b6c7d
logsource:
    product: linux
    service: sshd
detection:
    who:
        event.action: ssh_login
        user.name|expand: '%admins%'
    condition: who
END
    "$BGUARD" detect --rules p.yml -o ndjson "$root/sample/logs/auth.log" >out
    [ ! -s out ] || say 'fired without values'
    "$BGUARD" detect --rules p.yml --expand admins=root,carla -o ndjson "$root/sample/logs/auth.log" >out
    holds out '"carla"'
    lacks out '"alice"'
    ends_with 2 "$BGUARD" detect --rules p.yml --expand admins "$root/sample/logs/auth.log" 2>err
}
public_regression() {
    mkdir sigma reg
    tar -xJf "$BGUARD_DATA/sigma/rules.tar.xz" -C sigma
    tar -xJf "$BGUARD_DATA/sigma/regression.tar.xz" -C reg
    set --
    for f in sigma/rules*; do set -- "$@" --rules "$f"; done
    "$BGUARD" rules test -q "$@" reg >one || { grep '^FAIL' one; return 1; }
    "$BGUARD" rules test -q "$@" reg >two
    same one two
    [ "$(grep -c '^ok .*\.evtx$' one)" = 112 ] || say 'not 112 cases from .evtx'
    [ "$(grep -c '^ok .*\.json$' one)" = 112 ] || say 'not 112 cases from .json'
}

case_of 'our rules pass their cases' own_rules_pass
case_of 'every rule has cases that must and must not fire' every_rule_has_cases
case_of 'ids are unique and rules are described' ids_are_unique
case_of 'rules check says file, line and reason' check_json
case_of 'failing cases are told' failing_cases_are_told
case_of 'the layout of SigmaHQ is read' sigmahq_layout
case_of 'rules explain says why' explain_says_why
case_of 'rules list is a table' list_is_a_table
case_of 'the filter of the README silences its rule' readme_filter_silences
case_of 'placeholders are filled' placeholders_are_filled
if [ -n "${BGUARD_DATA-}" ]; then
    case_of 'all public regression cases fire, twice the same' public_regression
else
    echo 'skip all public regression cases fire, twice the same: no BGUARD_DATA'
fi
exit $failed
