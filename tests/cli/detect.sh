#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Real uses of `bguard detect`.
. "$(dirname "$0")/lib.sh.inc"
logs=$root/sample/logs

sample_feed() {
    (cd "$root" && "$BGUARD" detect --rules rules --intel sample/intel --allow sample/allow sample/logs) >out
    holds out 'SSH Login After Password Guessing'
    holds out 'Memory Of LSASS Opened For Reading'
    holds out 'Known-bad domain update-check.example'
    holds out '4 critical'
    holds out 'Look first at host WS11.corp.example'
}
suggested_command_works() {
    (cd "$root" && "$BGUARD" detect --rules rules sample/logs) >out
    command=$(sed -n 's/^  \(.* rules explain .*\)/\1/p' out)
    (cd "$root" && eval "$command") >explained
    [ "$(wc -l <explained)" -gt 3 ] || say "it explained nothing: $command"
}
ndjson_schema() {
    detect --intel "$root/sample/intel" -o ndjson "$logs" >out
    python3 - out <<'PY'
import json, re, sys
kinds = set()
for line in open(sys.argv[1], encoding="utf-8"):
    f = json.loads(line)
    assert list(f) == ["time", "kind", "id", "title", "level", "score", "entity", "techniques", "evidence",
                       "reason", "event"], list(f)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", f["time"]), f["time"]
    assert f["kind"] in ("rule", "correlation", "indicator") and 0 <= f["score"] <= 1
    assert f["level"] in ("informational", "low", "medium", "high", "critical")
    assert isinstance(f["entity"], dict) and isinstance(f["evidence"], dict) and f["evidence"]
    assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", t) for t in f["techniques"])
    assert f["title"] and f["reason"] and re.fullmatch(r"[0-9a-f]{16}", f["event"]["id"])
    assert ("line" in f["event"]) != ("record" in f["event"]) and f["event"]["file"]
    kinds.add(f["kind"])
assert kinds == {"rule", "correlation", "indicator"}, kinds
PY
}
json_is_ndjson() {
    detect -o ndjson "$logs" >a
    detect --json "$logs" >b
    same a b
}
stats_keys() {
    detect -o none --stats "$logs" 2>err >out
    [ ! -s out ] || say 'something on standard output'
    python3 - err <<'PY'
import json, sys
s = json.load(open(sys.argv[1]))
for key in ("events bytes rejected findings dropped seconds events_per_second rules_loaded rules_failed "
            "rss_bytes").split():
    assert isinstance(s[key], (int, float)), key
assert s["events"] == 1184 and s["rejected"] == 0 and s["rules_failed"] == 0 and s["inputs"] == 5, s
PY
}
fail_on() {
    ends_with 0 detect -o none "$logs"
    ends_with 1 detect -o none --fail-on critical "$logs"
    ends_with 1 detect -o none --fail-on low "$logs"
    ends_with 0 detect -o none --fail-on critical "$logs/cloudtrail.json"
    ends_with 1 detect -o none --fail-on high "$logs/cloudtrail.json"
}
fail_on_below_min_level() {
    ends_with 1 detect -q -o ndjson --stats -F high -l critical "$logs/cloudtrail.json" >out 2>err
    [ ! -s out ] || say 'a finding below --min-level was printed'
    detect -q -o none --stats -l critical "$logs/cloudtrail.json" 2>plain
    python3 - err plain <<'PY'
import json, sys
a, b = (json.load(open(f)) for f in sys.argv[1:])
assert a["findings"] == b["findings"] == 0 and a["suppressed"] == b["suppressed"] > 0, (a, b)
PY
    head -c 2000 "$logs/access.log.gz" >cut.gz
    ends_with 1 detect -o none -F high -l critical "$logs/cloudtrail.json" cut.gz 2>err
}
min_level() {
    detect -o ndjson --min-level high "$logs" >out
    [ -s out ] || say 'nothing is left'
    lacks out '"level":"medium"'
    holds out '"level":"critical"'
}
same_for_any_threads() {
    # Enough copies that there are many batches.
    mkdir many
    for i in 1 2 3 4 5 6 7 8 9; do cp "$logs/auth.log" "many/$i.log"; cp "$logs/eve.json" "many/$i.json"; done
    for kind in ndjson table summary; do
        detect -t 1 -o $kind many "$logs" | sed 's/, [0-9.]* s$//' >one
        for n in 2 4 7; do
            detect -t $n -o $kind many "$logs" | sed 's/, [0-9.]* s$//' >several
            same one several
        done
    done
}
clean_terminal() {
    cat >run.sh <<END
(cat "$logs/auth.log"; sleep 1; tail -n 1 "$logs/auth.log") | "$BGUARD" detect --rules "$root/rules" -
END
    TERM=xterm script -qec 'sh run.sh' /dev/null >out
    python3 - out <<'PY'
import re, sys
lines = open(sys.argv[1], encoding="utf-8", newline="").read().split("\n")
findings = [l for l in lines if "SSH Login" in l]
assert findings and any(" findings" in l for l in lines), lines
for line in lines:
    seen = line.split("\r\033[K")[-1]
    assert not re.search(r"events, .* findings.*\d{4}-\d\d-\d\d ", seen), line
PY
}
any_container() {
    detect -o ndjson "$logs/auth.log" | sed 's/"file":"[^"]*"//' >plain
    gzip -c "$logs/auth.log" >a.gz
    xz -c "$logs/auth.log" >a.xz
    for f in a.gz a.xz; do detect -o ndjson $f | sed 's/"file":"[^"]*"//' >got; same plain got; done
    detect -o ndjson - <"$logs/auth.log" | sed 's/"file":"[^"]*"//' >got
    same plain got
    gzip -c "$logs/auth.log" | detect -o ndjson - | sed 's/"file":"[^"]*"//' >got
    same plain got
}
unreadable_input() {
    head -c 2000 "$logs/access.log.gz" >cut.gz
    cp "$logs/auth.log" .
    ends_with 6 detect -o ndjson . >out 2>err
    holds err 'cut.gz'
    holds out 'SSH Login After Password Guessing'
    ends_with 6 detect . >out
    holds out '1 input could not be read to the end'
    ends_with 3 detect nowhere.log 2>err
    holds err 'nowhere.log'
}
bad_records() {
    cp "$logs/eve.json" bad.json
    printf '{"broken": \nnot json at all\n' >>bad.json
    detect -o none --stats bad.json 2>err
    python3 - err <<'PY'
import json, sys
s = json.loads(open(sys.argv[1]).read().splitlines()[-1])
assert s["read"] == s["events"] + s["rejected"] and s["rejected"] >= 1, s
PY
    holds err 'bad.json:'
}
hostile_bytes() {
    esc=$(printf '\033')
    mkdir logs
    printf '198.51.100.1 - - [11/Mar/2025:07:00:00 +0000] "GET /.env HTTP/1.1" 200 5 "-" "sqlmap\033]0;owned\007\033[2J"\n' >logs/access.log
    printf 'Mar 11 08:20:02 web1 sudo: ev\033[31mil : TTY=x ; PWD=/ ; USER=root ; COMMAND=/usr/sbin/useradd -G sudo \302\233x\n' >logs/auth.log
    detect logs >out 2>&1
    holds out 'Attack Tool Names Itself'
    holds out 'Administrator Account Made With Sudo'
    lacks out "$esc"
    detect -o summary logs >out 2>&1
    holds out 'ev\x1b[31mil@web1'
    lacks out "$esc"
    detect -o html logs >out 2>&1
    lacks out "$esc"
    detect -o ndjson logs >out 2>&1
    lacks out "$esc"
    "$BGUARD" parse -o table logs >out 2>&1
    lacks out "$esc"
    printf '\033[2J' >"$(printf 'n\033[31m.log')"
    ends_with 2 "$BGUARD" parse -f winjson n*.log >out 2>err
    lacks err "$esc"
}
broken_pipe() {
    i=0
    while [ $i -lt 60 ]; do cat "$logs/auth.log"; i=$((i + 1)); done >big.log
    "$BGUARD" parse big.log 2>err | head -n 1 >out
    [ "$(wc -l <out)" = 1 ] || say 'no line came'
    [ ! -s err ] || say "$(cat err)"
}
full_disk() {
    [ -w /dev/full ] || return 0
    ends_with 6 "$BGUARD" parse "$logs/auth.log" >/dev/full 2>err
    holds err 'standard output could not be written'
    ends_with 6 detect "$logs" >/dev/full 2>err
}
needs_something_to_find() {
    ends_with 2 "$BGUARD" detect "$logs" 2>err
    holds err 'give --rules, --intel or --models'
    ends_with 2 detect 2>err
    holds err "'detect' wants PATH..."
    mkdir rules
    ends_with 2 "$BGUARD" detect --rules rules "$root/README.md" 2>err
    holds err "no rule could be loaded from 'rules'"
    printf 'title: broken\n' >rules/broken.yml
    ends_with 2 "$BGUARD" detect --rules rules "$logs" 2>err
    holds err "no rule could be loaded from 'rules'"
    mkdir empty
    ends_with 3 detect empty 2>err
    holds err "there is no file in 'empty'"
    ends_with 3 "$BGUARD" parse empty 2>err
    holds err "there is no file in 'empty'"
}
failed_rules_are_told() {
    mkdir rules
    cp "$root/rules/web/scanner.yml" rules/r.yml
    printf 'title: broken\n' >rules/broken.yml
    for kind in table summary; do
        ends_with 0 "$BGUARD" detect --rules rules -o $kind "$logs" >out 2>err
        holds out 's; 1 rule did not load'
    done
}
refused_input_is_no_success() {
    ends_with 2 detect -f cef "$logs/auth.log" >out 2>err
    holds out '; most records could not be parsed'
    holds err "none of the 396 records is of the format 'cef'"
    ends_with 2 detect -q -o ndjson -f cef "$logs/auth.log" 2>err
    holds err "none of the 396 records is of the format 'cef'"
    ends_with 2 "$BGUARD" parse -f cef "$logs/auth.log" 2>err
    ends_with 2 detect -f evtx "$logs/auth.log" >out 2>err
    holds err "there is no record of the format 'evtx'"
    ends_with 2 "$BGUARD" parse -q -f evtx "$logs/auth.log" 2>err
    : >nothing.log
    ends_with 0 detect -f evtx nothing.log >out 2>err
    ends_with 0 "$BGUARD" parse nothing.log 2>err
    [ ! -s err ] || say "$(cat err)"
}
half_refused_says_so() {
    { printf '{"a":1}\n{"a":2}\n'; for i in 1 2 3 4; do printf '{"a":%s,]\n' $i; done; } >some.json
    ends_with 0 detect -f json some.json >out 2>err
    holds out '; most records could not be parsed'
    holds out 'split it'
    ends_with 0 "$BGUARD" parse -f json -o none some.json 2>err
    holds err 'more than half: if the format was mistaken, give --format'
    printf '{"a":1}\n{"a":2}\n{"a":]\n' >few.json
    ends_with 0 detect -f json few.json >out
    lacks out 'most records'
}
quiet_is_quiet() {
    cp "$root/rules/web/scanner.yml" r.yml
    printf 'title: broken\n' >broken.yml
    "$BGUARD" detect --rules . -o none "$logs" 2>err
    holds err 'broken.yml'
    "$BGUARD" detect --rules . -o none -q "$logs" 2>err
    [ ! -s err ] || say "$(cat err)"
}
cache_changes_nothing() {
    detect -o ndjson --no-cache "$logs" >a
    detect -o ndjson --cache here "$logs" >b
    [ -d here ] || say 'no cache was made'
    detect -o ndjson --cache here "$logs" >c
    same a b
    same b c
}
late_matches_name_their_option() {
    python3 - >late.log <<'PY'
line = "2025-03-%02dT%02d:%02d:%02d+00:00 web1 sshd[7]: Failed password for root from 203.0.113.45 port 4242 ssh2"
for n in range(9000):
    print(line % (12, n // 3600, n // 60 % 60, n % 60))
for n in range(9):
    print(line % (11, 0, 0, n))
PY
    detect --correlation-memory 1 late.log >out
    holds out 'came too late to be correlated: give more --correlation-memory'
    detect --correlation-memory 1 -o ndjson late.log 2>err >out
    holds err 'came too late to be correlated: give more --correlation-memory'
    detect --lateness 60 late.log >out
    holds out '9 matches came too late to be correlated: give more --lateness'
}
limits_are_kept() {
    { printf '{"a":"'; head -c 70000 /dev/zero | tr '\0' x; printf '"}\n{"a":1}\n'; } >long.json
    "$BGUARD" parse --max-record 16 -o none --stats long.json 2>err
    holds err '"events":1,'
    holds err '"rejected":1,'
    ends_with 0 "$BGUARD" parse -o none --stats long.json 2>err
    holds err '"events":2,'
}
report_page() {
    detect --intel "$root/sample/intel" -o html "$logs" >page.html
    python3 - page.html <<'PY'
import html.parser, sys
VOID = {"meta", "br", "rect", "link", "img"}
class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.seen, self.text = [], {}, ""
    def handle_starttag(self, tag, attrs):
        self.seen[tag] = self.seen.get(tag, 0) + 1
        assert tag not in ("script", "link", "img", "iframe", "object", "embed", "form"), tag
        for name, value in attrs:
            assert not name.startswith("on") and name not in ("src", "srcset", "style"), name
            assert name != "href" or value.startswith("https://attack.mitre.org/techniques/T"), value
        if tag not in VOID:
            self.open.append(tag)
    def handle_startendtag(self, tag, attrs):
        self.seen[tag] = self.seen.get(tag, 0) + 1
    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag
    def handle_data(self, data):
        self.text += data
page = Page()
source = open(sys.argv[1], encoding="utf-8").read()
page.feed(source)
assert not page.open, page.open
assert "default-src 'none'" in source and "prefers-color-scheme:dark" in source
assert page.seen["table"] == 3 and page.seen["svg"] == 1 and page.seen["rect"] > 5 and page.seen["details"] > 20
for words in ("Timeline", "Credential Access", "OS Credential Dumping: LSASS Memory", "Whom to look at first"):
    assert words in page.text, words
PY
}

case_of 'the sample feed tells its story' sample_feed
case_of 'the suggested next command works' suggested_command_works
case_of 'ndjson has the promised keys' ndjson_schema
case_of '--json is ndjson' json_is_ndjson
case_of '--stats has the promised keys' stats_keys
case_of '--fail-on decides the exit status' fail_on
case_of '--fail-on sees what --min-level leaves out, and comes first' fail_on_below_min_level
case_of '--min-level leaves out what is below' min_level
case_of 'the output is the same for any number of threads' same_for_any_threads
if command -v script >/dev/null; then
    case_of 'the progress line is erased before a finding' clean_terminal
else
    echo 'skip the progress line is erased before a finding: no script'
fi
case_of 'gzip, xz and standard input give the same findings' any_container
case_of 'an unreadable input is named and does not stop the rest' unreadable_input
case_of 'bad records are counted and placed' bad_records
case_of 'hostile bytes do not reach the terminal' hostile_bytes
case_of 'a broken pipe ends quietly' broken_pipe
case_of 'a full disk is not success' full_disk
case_of 'a run with nothing to look for is refused' needs_something_to_find
case_of 'rules that did not load are told in the verdict' failed_rules_are_told
case_of 'an input refused whole is no success' refused_input_is_no_success
case_of 'an input refused by half is told with a hint' half_refused_says_so
case_of '--quiet is quiet' quiet_is_quiet
case_of 'the cache changes nothing' cache_changes_nothing
case_of 'late matches name the option that bounds them' late_matches_name_their_option
case_of 'the limits are kept' limits_are_kept
case_of 'the report page is whole and loads nothing' report_page
exit $failed
