#!/bin/sh
#  test [PROGRAM]: build @NAME@ (unless PROGRAM is it), run it against a cluster of its own, call it, and check what it
#  answers. filestored and filestore are found in PATH.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
server= actor=
cleanup () {
    for pid in $actor $server; do
        kill "$pid" 2>/dev/null && wait "$pid" || true
    done
    rm -rf "$folder"
}
trap cleanup EXIT

fail () {
    echo "test: $*" >&2
    cat "$folder"/*.log >&2
    exit 1
}

#  wait_ready PID FILE: until the program has printed its line
wait_ready () {
    until grep -qs '^ready' "$2"; do
        kill -0 "$1" 2>/dev/null || fail "a program ended before it was ready"
        sleep 0.1
    done
}

program=${1:-$folder/build/@NAME@}
if [ $# -eq 0 ]; then
    cmake -S "$here" -B "$folder/build" >/dev/null
    cmake --build "$folder/build" >/dev/null
fi

filestored --data "$folder/data" --set nodes=1 --set replicas=1 >"$folder/server.out" 2>"$folder/server.log" &
server=$!
wait_ready $server "$folder/server.out"
export FILESTORE_CONFIG="$folder/data/client.zpl" FILESTORE_SESSION="$folder/session"
echo "a password" | filestore register anna --password-stdin >/dev/null

#  What it may read is said once, and carried to where it runs as one line.
bundle=$(filestored enrol @NAME@ --read /users --data "$folder/data")
filestored join "$bundle" "$folder/@NAME@" >/dev/null
"$program" --config "$folder/@NAME@/@NAME@.zpl" >"$folder/actor.out" 2>"$folder/actor.log" &
actor=$!
wait_ready $actor "$folder/actor.out"

reply=$(filestore call @NAME@ HELLO '{"name": "Anna"}' --json)
case $reply in
    *'"greeting":"Hello, Anna"'*) ;;
    *) fail "it answered $reply" ;;
esac
echo "something" >"$folder/something"
filestore put "$folder/something" something >/dev/null
until filestore call @NAME@ HELLO '{"name": "Anna"}' --json | grep -q '"events":[1-9]'; do
    kill -0 $actor || fail "it ended"
    sleep 0.1
done
filestore call @NAME@ HELLO '{"nickname": "A"}' >"$folder/refused.log" 2>&1 && fail "a payload against the schema was taken"
filestore services | grep -q '^@NAME@ ' || fail "filestore services does not list it"
kill -TERM $actor
wait $actor || fail "it did not end cleanly"
actor=
echo "@NAME@ greets, sees what happens to files, refuses what is against its schema, and ends cleanly"
