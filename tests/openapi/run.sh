#!/usr/bin/env bash
# Asks a real daemon for everything that its OpenAPI document has, with schemathesis: right, wrong and random requests from a fixed seed, in at most
# two minutes, and one operation by itself. No answer may be a 5xx, have a status or a form that the document does not have, or be a 2xx to what the document forbids.
# `EXAMPLES=50 SECONDS_MAX=900 tests/openapi/run.sh` tries more. `tests/openapi/run.sh [JOBYARD]`: the program, `target/debug/jobyard` if none is named. Needs python3 with venv.
set -euo pipefail
cd "$(dirname "$0")/../.."
jobyard=$(realpath "${1:-target/debug/jobyard}")
tools=${TOOLS:-$PWD/target/schemathesis}
version=4.32.5

if ! "$tools/bin/schemathesis" --version 2>/dev/null | grep -q "$version"; then
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet "schemathesis==$version"
fi

place=$(mktemp -d)
data=$place/data
daemon=
end() {
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
    [ -z "$daemon" ] || wait "$daemon" 2>/dev/null || true
    # Its node process outlives it; the lock of the data folder says which one that is.
    [ ! -s "$data/node/lock" ] || kill "$(tr -dc 0-9 <"$data/node/lock")" 2>/dev/null || true
    rm -rf "$place"
}
trap end EXIT

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$jobyard" --cache target/debug/test-code-cache serve --data "$data" --listen "127.0.0.1:$port" --filter filter-licences 2>"$place/log" &
daemon=$!
for _ in $(seq 300); do
    if grep -q "ready on" "$place/log"; then break; fi
    kill -0 "$daemon" || { cat "$place/log"; exit 1; }
    sleep 0.1
done
"$jobyard" user --data "$data" add tester --role Administrator >/dev/null
token=$("$jobyard" user --data "$data" token tester --note schemathesis | grep -o 'jy_[A-Za-z0-9_-]*')
# Command lines are random too: nothing is to run. So the node is offline, and stays so: see `schemathesis.toml`.
name=$(curl -sS --unix-socket "$data/jobyard.sock" http://x/api/v1/nodes | python3 -c 'import json,sys; print(json.load(sys.stdin)["nodes"][0]["name"])')
curl -sS -o "$place/offline" --unix-socket "$data/jobyard.sock" -X POST "http://x/api/v1/nodes/$name/offline"
# Something to look at.
job='{"name": "one", "task": [{"command": "true"}]}'
curl -sS -o "$place/jobs" --unix-socket "$data/jobyard.sock" -H "content-type: application/json" -d "[$job, $job]" http://x/api/v1/jobs

status=0
settings=$PWD/tests/openapi/schemathesis.toml
# It keeps what it found in the folder where it runs, and begins with that: not here.
cd "$place"
ask() {
    timeout "${SECONDS_MAX:-120}" "$tools/bin/schemathesis" --config-file "$settings" run \
        "https://127.0.0.1:$port/api/v1/openapi.json" --tls-verify "$data/tls/cert.pem" -H "Authorization: Bearer $token" \
        --seed 2026 --phases coverage,fuzzing --max-examples "${EXAMPLES:-2}" --continue-on-failure "$@" || status=$?
}
# A check of a policy that is there takes minutes, and names that were seen in answers are asked for: so by itself, of one that is not there.
check='^/api/v1/policies/.name./check$'
ask --exclude-path-regex "$check"
ask --include-path-regex "$check"
kill -0 "$daemon" || { echo "the daemon is gone:"; tail -20 "$place/log"; exit 1; }
[ "$status" = 0 ] || tail -5 "$place/log"
exit "$status"
