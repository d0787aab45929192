#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the program says about itself.
. "$(dirname "$0")/lib.sh.inc"

commands() { "$BGUARD" --help | sed -n 's/^  \([a-z]* \{0,1\}[a-z]*\)  .*/\1/p' | grep -v '^bguard'; }

help_for_each() {
    [ "$(commands | wc -l)" -ge 14 ] || say "few commands: $(commands | tr '\n' ' ')"
    commands | while read -r command; do
        # shellcheck disable=SC2086 # one or two words
        "$BGUARD" $command --help >out
        holds out "bguard $command - "
        holds out '--json'
    done
}
mistakes_are_named() {
    ends_with 2 "$BGUARD" detcet 2>err
    holds err "did you mean 'detect'?"
    ends_with 2 "$BGUARD" detect --ruls x 2>err
    holds err "did you mean '--rules'?"
    ends_with 2 "$BGUARD" formats more 2>err
    ends_with 2 "$BGUARD" rules 2>err
    holds err "'rules' wants one of: check, list, explain, test"
    ends_with 2 "$BGUARD" intel chek x 2>err
    holds err "'intel' has no 'chek', only check, query; did you mean 'check'?"
    ends_with 2 "$BGUARD" rules zzzzzzzz 2>err
    holds err "'rules' has no 'zzzzzzzz', only check, list"
    ends_with 0 "$BGUARD" rules --help >out
    holds out 'rules explain'
    ends_with 0 "$BGUARD" >out
    holds out 'usage: bguard COMMAND'
}
the_api_is_printed() {
    "$BGUARD" openapi | python3 -c '
import json, sys
paths = json.load(sys.stdin)["paths"]
assert paths["/api/alerts"]["get"]["x-permission"] == "alerts:read"'
}
version() {
    [ "$("$BGUARD" --version)" = "$("$BGUARD" version)" ] || say 'two versions'
    "$BGUARD" version --json | python3 -c 'import json, sys; assert json.load(sys.stdin)["version"]'
}
tables_are_json() {
    "$BGUARD" formats --json | python3 -c 'import json, sys; assert len(json.load(sys.stdin)) >= 20'
    "$BGUARD" fields --json | python3 -c '
import json, sys
fields = {f["name"]: f for f in json.load(sys.stdin)}
assert {"family": "windows", "name": "Image"} in fields["process.executable"]["aliases"]'
}
completes() { # WORDS... : what bash offers for the last of them
    bash -c 'source ../completion
        COMP_WORDS=(bguard "$@"); COMP_CWORD=$#; _bguard; printf "%s\n" "${COMPREPLY[@]}"' _ "$@"
}
bash_completion() {
    "$BGUARD" completion bash >../completion
    bash -n ../completion
    completes de >out
    [ "$(cat out)" = detect ] || say "de: $(cat out)"
    completes rules ex >out
    [ "$(cat out)" = explain ] || say "rules ex: $(cat out)"
    completes detect --min-level cr >out
    [ "$(cat out)" = critical ] || say "--min-level cr: $(cat out)"
    completes parse -o t >out
    [ "$(cat out)" = table ] || say "-o t: $(cat out)"
    completes intel query --in >out
    [ "$(cat out)" = --intel ] || say "--in: $(cat out)"
    completes completion f >out
    [ "$(cat out)" = fish ] || say "completion f: $(cat out)"
    ends_with 3 "$BGUARD" completion tcsh 2>err
}
zsh_completion() { "$BGUARD" completion zsh >c && zsh -n c; }
fish_completion() { "$BGUARD" completion fish >c && fish -n c; }
man_page() {
    "$BGUARD" man >bguard.1
    for word in detect 'rules explain' '\-\-fail\-on' NO_COLOR 'EXIT STATUS'; do holds bguard.1 "$word"; done
    ! command -v groff >/dev/null || groff -man -Tutf8 -ww -wmac bguard.1 >page 2>err
    [ ! -s err ] || say "$(cat err)"
}
docs_are_current() {
    cp -r "$root/scripts" "$root/docs" .
    BGUARD=$BGUARD scripts/generate-docs
    for f in cli configuration api fields formats; do same "docs/$f.md" "$root/docs/$f.md"; done
}

case_of 'every command has help' help_for_each
case_of 'mistakes are named' mistakes_are_named
case_of 'there is one version' version
case_of 'tables are printed as JSON' tables_are_json
case_of 'the description of the API is printed' the_api_is_printed
case_of 'bash completes commands, options and values' bash_completion
for shell in zsh fish; do
    if command -v $shell >/dev/null; then
        case_of "$shell reads its completion" ${shell}_completion
    else
        echo "skip $shell reads its completion: no $shell"
    fi
done
case_of 'the manual page is good roff' man_page
case_of 'generated pages are current' docs_are_current
exit $failed
