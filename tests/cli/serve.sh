#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The service as a new administrator meets it.
. "$(dirname "$0")/lib.sh.inc"
. "$(dirname "$0")/service.sh.inc"

# What a first hour looks like; over plain HTTP and over TLS.
first_hour() { # OPTION...
    start_service --rules "$root/rules" --intel "$root/sample/intel" --allow "$root/sample/allow" "$@"
    ca=
    case "$url" in https*) ca="--ca $data/tls-certificate.pem" ;; esac
    # shellcheck disable=SC2086 # an option and its value, or nothing
    login $ca
    "$BGUARD" keys add collector --days 30 2>note >key
    holds key bg_
    BGUARD_TOKEN=$(cat key) python3 "$root/tests/cli/ws.py" "$url/ws" '{"subscribe":["alerts"]}' --for 3 >live 2>live.err &
    listener=$!
    await 'nobody listens' grep -q subscribed live
    # shellcheck disable=SC2086
    for log in "$root"/sample/logs/*; do BGUARD_TOKEN=$(cat key) "$BGUARD" events send $ca "$log" >>sent; done
    holds sent 'auth.log: '
    wait "$listener" || say "live: $(cat live.err)"
    holds live '"type":"alert.new"'
    "$BGUARD" alerts list --most 100 >alerts
    holds alerts 'Memory Of LSASS Opened For Reading'
    holds alerts 'Known-bad domain update-check.example'
    id=$("$BGUARD" alerts list --json --most 1 | python3 -c 'import json,sys;print(json.load(sys.stdin)["alerts"][0]["id"])')
    "$BGUARD" alerts show "$id" >shown
    holds shown "$id"
    "$BGUARD" alerts close "$id" --verdict false_positive --note 'a drill' >closed
    holds closed closed_fal
    ends_with 10 "$BGUARD" alerts close "$id" --verdict true_positive
    "$BGUARD" alerts reopen "$id" >reopened
    holds reopened open
    "$BGUARD" logout
    # shellcheck disable=SC2086
    ends_with 8 "$BGUARD" alerts list $ca
    stop_service
}
over_http() { first_hour; }
over_tls() { first_hour --set tls.self_signed=true; }

public_capture() {
    start_service --rules "$root/rules"
    login
    unzip -q -o "$BGUARD_DATA/otrf/cmd_sharpview_pcre_net.zip" -d capture
    "$BGUARD" events send capture/*.json >sent
    holds sent ' 0 records rejected'
    "$BGUARD" alerts list >alerts
    holds alerts 'Security Log Cleared'
    stop_service
}

first_password_is_shown_to_its_owner_only() {
    password=
    start_service
    [ "$(stat -c %a data/first-password)" = 600 ] || say 'others can read it'
    holds serve.log first-password
    password=$(cat data/first-password)
    lacks serve.log "$password"
    login
    stop_service
}
a_start_that_fails_loses_no_password() {
    ends_with 3 "$BGUARD" serve --listen 127.0.0.1:0 --data "$PWD/data" --rules no-rules 2>err
    holds err no-rules
    lacks err first-password
    [ ! -e data/first-password ] || say 'a password before the rules were read'
    start_service --data "$PWD/other"
    first=$port
    ends_with 5 env -u BGUARD_ADMIN_PASSWORD "$BGUARD" serve --listen "127.0.0.1:$first" --data "$PWD/data" 2>err
    holds err first-password
    stop_service
    given=$password password=
    start_service --data "$PWD/data"
    lacks serve.log first-password
    password=$(cat data/first-password)
    login
    password=$given
    stop_service
}
backup_and_restore() {
    start_service --rules "$root/rules"
    login
    "$BGUARD" events send "$root/sample/logs/windows.ndjson" >sent
    "$BGUARD" backup >backup
    stop_service
    mkdir again
    cp data/backups/*.db again/bguard.db
    cp data/installation.key again/
    rm -r data
    mv again data
    start_service
    login # on another port: another service
    "$BGUARD" alerts list >alerts
    holds alerts 'Memory Of LSASS Opened For Reading'
    stop_service
}
two_on_one_folder() {
    start_service
    ends_with 10 "$BGUARD" serve --listen 127.0.0.1:0 --data "$data" 2>second
    holds second 'in use by another bguard'
    stop_service
}
taken_port() {
    start_service
    ends_with 5 "$BGUARD" serve --listen "127.0.0.1:$port" --data "$PWD/other" 2>second
    holds second "$port"
    stop_service
}
# What was opened before the part that fails is closed again.
half_a_start() {
    start_service
    ends_with 5 "$BGUARD" serve --listen 127.0.0.1:0 --data "$PWD/other" --set tls.self_signed=true \
        --set syslog.udp=127.0.0.1:0 --set "syslog.tcp=127.0.0.1:$port" 2>second
    holds second "port $port"
    stop_service
}
bad_settings() {
    printf 'prot: 80\n' >bguard.yaml
    ends_with 2 "$BGUARD" serve --config bguard.yaml 2>err
    holds err "did you mean 'port'?"
    rm bguard.yaml
    ends_with 2 "$BGUARD" serve --set port=x 2>err
    holds err "'port' wants a whole number"
}
check_config() {
    JWT_SECRET=hush-hush-hush "$BGUARD" serve --check-config --listen '[::1]:80' >out
    holds out '"host":"::1"'
    holds out '"auth.jwt_secret":"set"'
    lacks out hush
}
check_files() {
    "$BGUARD" config --check --set "rules=$root/rules" --set limits.rate=0 >out
    grep -qx "rules  *$root/rules" out || say "$(cat out)"
    grep -qx 'intel  *(empty)' out || say "$(cat out)"
    "$BGUARD" config --check --json >out
    holds out '"limits.rate":1'
    echo none >key.pem
    chmod 600 key.pem
    ends_with 2 "$BGUARD" config --check --set rules=no-rules --set yara=no-yara --set tls.certificate=key.pem \
        --set tls.key=key.pem --set syslog.udp=nowhere >out 2>err
    holds err "'rules': 'no-rules': No such file"
    holds err "'yara': 'no-yara': No such file"
    holds err "'tls': "
    holds err "'syslog.udp': "
    holds err '4 settings do not hold'
}
hidden_password() {
    python3 -c '
import os, pty, subprocess, sys, termios
ours, theirs = pty.openpty()
shown = lambda: termios.tcgetattr(theirs)[3] & termios.ECHO
p = subprocess.Popen(["setsid", "-c", "-w", sys.argv[1], "login"], stdin=theirs, stdout=theirs, stderr=theirs)
said = b""
while b"password" not in said: said += os.read(ours, 1000)
while shown(): pass
os.write(ours, b"abc\x03")
assert p.wait() == -2, p.returncode
assert shown()' "$BGUARD"
    head -c 300 /dev/zero | tr '\0' x | ends_with 2 "$BGUARD" login 2>err
    holds err 'of 1 to 256 bytes'
}
a_pipe_that_goes_on() {
    start_service --rules "$root/rules"
    login
    mkfifo pipe
    "$BGUARD" events send - <pipe >sent 2>sent.err &
    sender=$!
    exec 9>pipe
    grep support2 "$root/sample/logs/auth.log" | head -n 1 >&9
    await 'no alert though the pipe is open' alert_is_there 'Administrator Account Made With Sudo'
    kill -KILL "$pid"
    wait "$pid" || true
    pid=
    grep support2 "$root/sample/logs/auth.log" | tail -n +2 >&9
    await 'no word of the service gone' grep -q 'it is tried again' sent.err
    start_service --rules "$root/rules" --listen "127.0.0.1:$port" 9>&- # or the pipe would have no end
    exec 9>&-
    wait "$sender" || say "$(cat sent.err)"
    [ "$(awk '{ n += $2 } END { print n }' sent)" = "$(grep -c support2 "$root/sample/logs/auth.log")" ] || say "$(cat sent)"
    stop_service
}
wrong_password() {
    start_service
    echo wrong-wrong-wrong | ends_with 8 "$BGUARD" login 2>err
    holds err 'the name or the password is wrong'
    stop_service
}
token_for_nobody_else() {
    start_service
    login
    python3 -c '
import http.server
class Other(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        open("told", "w").write(self.path + "\n" + str(self.headers))
        self.send_response(401)
        self.end_headers()
    do_POST = do_GET
    def log_message(self, *a): pass
s = http.server.HTTPServer(("127.0.0.1", 0), Other)
open("port.new", "w").write(str(s.server_port))
import os; os.rename("port.new", "port")
s.handle_request()' &
    await 'the other server does not start' test -s port
    BGUARD_SERVER=http://127.0.0.1:$(cat port) ends_with 8 "$BGUARD" alerts list 2>err
    holds told /api/alerts
    lacks told Bearer
    "$BGUARD" alerts list >alerts
    stop_service
}
renewed_together() {
    start_service
    login
    sed -i 's/"access_token":"[^"]*"/"access_token":"over"/' config/bguard/session.json
    askers=
    for i in 1 2 3 4 5 6; do
        "$BGUARD" alerts list >"list$i" 2>&1 &
        askers="$askers $!"
    done
    for asker in $askers; do wait "$asker" || say "$(cat list?)"; done
    "$BGUARD" alerts list >list
    stop_service
}
narrow_key() {
    start_service
    login
    "$BGUARD" keys add collector --scopes events:write 2>note >key
    BGUARD_TOKEN=$(cat key) "$BGUARD" events send "$root/sample/logs/auth.log" >sent
    holds sent 'auth.log: '
    BGUARD_TOKEN=$(cat key) ends_with 9 "$BGUARD" alerts list 2>err
    stop_service
}
session_file() {
    start_service
    login
    [ "$(stat -c %a config/bguard/session.json)" = 600 ] || say 'others can read it'
    chmod 644 config/bguard/session.json
    ends_with 9 "$BGUARD" alerts list 2>err
    holds err 'can be read by others'
    stop_service
}
old_after_new() {
    start_service --rules "$root/rules"
    login
    "$BGUARD" events send "$root/sample/logs/auth.log" >sent 2>note
    lacks note 'too late'
    "$BGUARD" events send "$root/sample/logs/auth.log" >sent 2>note
    holds note 'came too late to be correlated'
    "$BGUARD" events send --json "$root/sample/logs/auth.log" >sent
    lacks sent '"late":0'
    holds sent '"late":'
    stop_service
}
nothing_to_say() {
    start_service --rules "$root/rules"
    login
    "$BGUARD" events send "$root/sample/logs/windows.ndjson" >sent
    id=$("$BGUARD" alerts list --json --most 1 | python3 -c 'import json,sys;print(json.load(sys.stdin)["alerts"][0]["id"])')
    [ "$(api POST "/api/alerts/$id/acknowledge")" = 200 ] || say "$(cat answer)"
    holds answer '"status":"acknowledged"'
    [ "$(api POST "/api/alerts/$id/reopen" -H 'Content-Type:' -d '{}')" = 415 ] || say "$(cat answer)"
    [ "$(api POST "/api/alerts/$id/close")" = 415 ] || say "$(cat answer)"
    stop_service
}
reload_on_hangup() {
    mkdir mine
    cp "$root/rules/linux/ssh_password_attack.yml" mine/
    start_service --rules mine
    cp -r "$root"/rules/. mine/
    kill -HUP "$pid"
    await 'no word of a reload' grep -q 'rules and indicators loaded' serve.log
    echo 'title: [' >mine/broken.yml
    stop_service
}
under_systemd() {
    BGUARD_ADMIN_PASSWORD=$password python3 "$root/tests/cli/as_systemd.py" "$BGUARD" serve --data data >told 2>log
    holds told 'READY=1'
    holds told 'status 200'
    holds told 'STOPPING=1'
    holds told 'exit 0'
}
syslog_over_tcp_and_udp() {
    start_service --rules "$root/rules" --set syslog.tcp=127.0.0.1:0 --set syslog.udp=127.0.0.1:0
    login
    udp=$(sed -n 's/.*syslog is listened for.*"port":\([0-9]*\).*/\1/p' serve.log | head -n 1)
    tcp=$(sed -n 's/.*syslog is listened for.*"port":\([0-9]*\).*/\1/p' serve.log | tail -n 1)
    python3 - "$udp" "$tcp" "$root/sample/logs/auth.log" <<'PY'
import socket, sys
lines = open(sys.argv[3], "rb").read().splitlines()
line = next(l for l in lines if b"useradd" in l or b"usermod" in l or b"adduser" in l)
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"<38>" + line, ("127.0.0.1", int(sys.argv[1])))
with socket.create_connection(("127.0.0.1", int(sys.argv[2]))) as s:
    s.sendall(b"".join(b"<38>" + l + b"\n" for l in lines))
PY
    await 'no alert' alert_is_there 'Administrator Account Made With Sudo'
    curl -s "$url/metrics" >metrics
    [ "$(sed -n 's/^bguard_events_total{source="syslog"} //p' metrics)" -gt 1 ] || say 'not counted'
    stop_service
}
alert_is_there() { "$BGUARD" alerts list >alerts && grep -qF "$1" alerts; }
follows_files() {
    mkdir logs
    head -n 5 "$root/sample/logs/auth.log" >logs/auth.log
    start_service --rules "$root/rules" --set "follow.paths=$PWD/logs/*.log"
    login
    mv logs/auth.log logs/auth.log.1
    tail -n +6 "$root/sample/logs/auth.log" >logs/auth.log
    await 'no alert' alert_is_there 'Administrator Account Made With Sudo'
    stop_service
    start_service --rules "$root/rules" --set "follow.paths=$PWD/logs/*.log"
    login
    "$BGUARD" alerts list --json >again
    python3 -c 'import json; a = json.load(open("again"))["alerts"]; assert all(x["count"] == 1 for x in a if "Sudo" in x["title"]), a'
    stop_service
}
says_what_it_cannot_follow() {
    mkdir logs
    ln -s loop.log logs/loop.log
    cp "$root/sample/logs/auth.log" logs/auth.log
    start_service --set "follow.paths=$PWD/logs/*.log" --set "follow.paths=$PWD/logs/nothing-*"
    login
    await 'not said' grep -q 'files are followed' serve.log
    holds serve.log "\"paths\":\"$PWD/logs/auth.log\""
    holds serve.log "nothing to follow is there yet\",\"pattern\":\"$PWD/logs/nothing-*\""
    [ "$(grep -c 'file cannot be followed' serve.log)" = 1 ] || say 'not said once'
    [ "$(api GET /health/detailed)" = 200 ] || say "$(cat answer)"
    holds answer '1 file followed, 1 cannot be read'
    holds answer 'Too many levels'
    holds answer '"degraded"'
    stop_service
}
stops_cleanly() {
    start_service
    kill -TERM "$pid"
    wait "$pid" || say "status $?"
    pid=
    holds serve.log '"stopping"'
}
# Whoever asks again and again until it is gone changes nothing.
stops_in_peace() {
    start_service
    kill -TERM "$pid"
    while kill -HUP "$pid" && kill -TERM "$pid"; do
        if ! grep -q ') [^Z]' "/proc/$pid/stat"; then break; fi
    done
    wait "$pid" || say "status $?"
    pid=
}
# Whoever still waits for the store when the time is up is let go.
stops_while_the_store_is_locked() {
    start_service --rules "$root/rules" --set shutdown.grace_seconds=0 --set store.patience_ms=50
    login
    python3 - <<'END' &
import os, sqlite3, time
db = sqlite3.connect("data/bguard.db", isolation_level=None)
db.execute("BEGIN IMMEDIATE")
open("locked", "w").close()
while not os.path.exists("release"):
    time.sleep(0.05)
END
    locker=$!
    await 'not locked' test -f locked
    api POST /api/events -H "Content-Type: text/plain" --data-binary "@$root/sample/logs/auth.log" >status &
    asker=$!
    await 'nothing waits' grep -q 'cannot be stored' serve.log
    kill -TERM "$pid"
    wait "$pid" || say "status $?: $(tail -n 1 serve.log)"
    pid=
    touch release
    wait "$locker" "$asker" || :
    lacks serve.log Sanitizer
}

case_of 'first hour over HTTP' over_http
case_of 'first hour over TLS' over_tls
if [ "${BGUARD_DATA-}" ]; then
    case_of 'a public capture' public_capture
else
    echo 'skip a public capture: no public data'
fi
case_of 'the first password is shown to its owner only' first_password_is_shown_to_its_owner_only
case_of 'a start that fails loses no password' a_start_that_fails_loses_no_password
case_of 'a backup is restored' backup_and_restore
case_of 'two on one folder' two_on_one_folder
case_of 'a taken port' taken_port
case_of 'half a start' half_a_start
case_of 'bad settings' bad_settings
case_of 'settings are checked' check_config
case_of 'a pipe that goes on' a_pipe_that_goes_on
case_of 'settings are checked with their files' check_files
case_of 'a wrong password' wrong_password
case_of 'a password is not shown' hidden_password
case_of 'a token is shown to no other service' token_for_nobody_else
case_of 'commands that renew a token together' renewed_together
case_of 'a narrow key sends events' narrow_key
case_of 'the session file is for its owner' session_file
case_of 'old events after new ones are said to be late' old_after_new
case_of 'who has nothing to say sends no body' nothing_to_say
case_of 'SIGHUP loads rules again' reload_on_hangup
case_of 'under systemd' under_systemd
case_of 'syslog over TCP and UDP' syslog_over_tcp_and_udp
case_of 'follows files' follows_files
case_of 'follows files and says which it cannot' says_what_it_cannot_follow
case_of 'SIGTERM stops cleanly' stops_cleanly
case_of 'more signals change nothing' stops_in_peace
case_of 'SIGTERM stops while the store is locked' stops_while_the_store_is_locked
exit $failed
