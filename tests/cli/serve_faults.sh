#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the service stands on goes away, and comes back; and stops and starts that are not as they should be.
. "$(dirname "$0")/lib.sh.inc"
. "$(dirname "$0")/service.sh.inc"
export BGUARD
rules=$root/tests/cli/crash.yml

make_key() { # OPTION...
    start_service --rules "$rules" "$@"
    login
    BGUARD_TOKEN=$("$BGUARD" keys add faults 2>note)
    export BGUARD_TOKEN
    stop_service
}
faults() { # CASE OPTION...
    name=$1
    shift
    python3 "$root/tests/cli/faults.py" "$name" "$data" "$port" -- --rules "$rules" --set limits.rate=0 "$@" >out 2>&1 ||
        say "$(tr '\n' ' ' <out)"
}
on_small_disk() { # COMMAND...
    mkdir data
    mount -t tmpfs -o size=24m,mode=700 none data
    trap 'stop_service; umount "$PWD/data"' EXIT
    "$@"
}

disk_full() {
    on_small_disk make_key
    trap 'umount "$PWD/data"' EXIT
    faults disk-full
}
disk_full_at_start() {
    mkdir data
    mount -t tmpfs -o size=1m,mode=700 none data
    trap 'umount "$PWD/data"' EXIT
    dd if=/dev/zero of=data/filler bs=64k 2>dd.err || :
    ends_with 5 "$BGUARD" serve --listen 127.0.0.1:0 --data "$PWD/data" 2>err
    holds err 'the disk is full'
    holds err "$PWD/data"
}
read_only_folder() {
    mkdir data
    mount -t tmpfs -o ro,mode=700 none data
    trap 'umount "$PWD/data"' EXIT
    ends_with 6 "$BGUARD" serve --listen 127.0.0.1:0 --data "$PWD/data" 2>err
    holds err 'Read-only file system'
    holds err "$PWD/data"
}
unreadable_folder() {
    mkdir data
    chmod 0 data
    # Root may read anything.
    as='' program=$BGUARD
    if [ "$(id -u)" = 0 ]; then
        cp "$BGUARD" bguard
        chmod 755 bguard
        chmod 711 "$work" "$work/case"
        as='setpriv --reuid 65534 --regid 65534 --clear-groups' program=$PWD/bguard
    fi
    # shellcheck disable=SC2086 # words of a command
    ends_with 6 $as "$program" serve --listen 127.0.0.1:0 --data "$PWD/data" 2>err
    holds err 'Permission denied'
    holds err "$PWD/data"
}
damaged_database() {
    make_key
    python3 -c 'f = open("data/bguard.db", "r+b"); f.write(b"x" * 4096)'
    ends_with 6 "$BGUARD" serve --listen 127.0.0.1:0 --data "$PWD/data" 2>err
    holds err "$PWD/data/bguard.db"
    holds err 'backup'
}
locked_database() {
    make_key
    faults locked --set store.patience_ms=200
}
stopped_while_locked() {
    make_key
    faults locked-to-the-end --set store.patience_ms=200
}
stopped_while_uploading() {
    make_key
    faults stop
}
postgresql() {
    bin=$(dirname "$(find /usr/lib/postgresql -name initdb 2>find.err | sort | tail -n 1)")
    as=''
    [ "$(id -u)" != 0 ] || as="setpriv --reuid postgres --regid postgres --clear-groups"
    PGFOLDER=$(mktemp -d /tmp/bguard-pg-XXXXXX)
    [ "$(id -u)" != 0 ] || chown postgres: "$PGFOLDER"
    export PGFOLDER PGRUN="$as $bin"
    # shellcheck disable=SC2086 # words of a command
    (cd "$PGFOLDER" && $as "$bin/initdb" -D "$PGFOLDER/data" -U bguard -A trust -E UTF8 --locale=C.UTF-8 --no-sync) >initdb.log 2>&1
    data=$PWD/data port=0
    trap 'rm -rf "$PGFOLDER"' EXIT
    DATABASE_URL="postgresql://bguard@/postgres?host=$PGFOLDER"
    export DATABASE_URL
    port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    export BGUARD_ADMIN_PASSWORD="$password"
    faults postgresql
}

case_of 'the database is locked' locked_database
case_of 'stopped while the database is locked' stopped_while_locked
case_of 'stopped while it is written to' stopped_while_uploading
case_of 'a damaged database' damaged_database
case_of 'a folder that cannot be read' unreadable_folder
if [ "$(id -u)" = 0 ] && mkdir "$work/try" && mount -t tmpfs none "$work/try" 2>"$work/mount.err"; then
    umount "$work/try"
    case_of 'a full disk' disk_full
    case_of 'a full disk at the start' disk_full_at_start
    case_of 'a folder that is read-only' read_only_folder
else
    for it in 'a full disk' 'a full disk at the start' 'a folder that is read-only'; do
        echo "skip $it: only root can mount a small disk"
    done
fi
if ls /usr/lib/postgresql/*/bin/initdb >"$work/initdb" 2>&1; then
    case_of 'PostgreSQL goes and comes back' postgresql
else
    echo 'skip PostgreSQL goes and comes back: it is not installed'
fi
exit $failed
