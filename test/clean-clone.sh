#!/bin/sh
# What a newcomer does, on a fresh copy of this work tree (what git tracks or would add): npm ci, npm start, then every
# command that it prints, pasted as it stands; then Ctrl-C. Prints the times; the exit code says whether all went well.
# Flags are handed to `isochrone up`: sh test/clean-clone.sh --port 5310 --admin-port 5390 --pop-port 8450
# With SUITE=1 it runs test/run.sh there too.
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d "${TMPDIR:-/tmp}/isochrone-clone-XXXXXX")
started=''
clean() {
  [ -z "$started" ] || kill -KILL "-$started" 2>/dev/null || true
  rm -rf "$folder"
}
trap clean EXIT
trap 'exit 130' INT TERM

git ls-files -co --exclude-standard -z | xargs -0 sh -c 'for file; do [ ! -e "$file" ] || printf "%s\0" "$file"; done' - |
  tar -c --null -T - | tar -x -C "$folder"
cd "$folder"
now() { date +%s%3N; }
before=$(now)
npm ci --no-audit --no-fund >npm.log 2>&1 || { cat npm.log; exit 1; }
echo "node $(node --version), npm $(npm --version); npm ci: $(($(now) - before)) ms"

port=5300
previous=''
for word; do
  [ "$previous" != --port ] || port=$word
  previous=$word
done
begun=$(now)
setsid npm start -- "$@" >up.log 2>&1 &
started=$!
if ! first=$(node test/helpers/first-answer.mjs "$port" "$begun"); then
  cat up.log
  exit 1
fi
echo "npm start to the first DNS answer: $first ms"
tries=0
until grep -q 'Ctrl-C' up.log; do
  tries=$((tries + 1))
  [ "$tries" -le 100 ] || { cat up.log; exit 1; }
  sleep 0.1
done
code=0
grep -E '^  (dig|npx|curl) ' up.log >commands
while read -r command; do
  before=$(now)
  if sh -c "$command" >out.log 2>&1 </dev/null && [ -s out.log ]; then
    echo "ok, $(($(now) - before)) ms: $command"
  else
    code=1
    echo "FAILED: $command"
    cat out.log
  fi
done <commands
[ "$(wc -l <commands)" -ge 3 ] || { echo 'FAILED: too few commands were printed'; code=1; }

before=$(now)
kill -INT "-$started"
ended=0
wait "$started" || ended=$?
echo "Ctrl-C to the end: $(($(now) - before)) ms, exit code $ended"
started=''
tail -n +2 up.log | grep -vE '^$|^  |^Try|^IP Geo|^AS num|^Stop|^Isochrone|^>' || true
[ "${SUITE:-}" != 1 ] || sh test/run.sh
exit "$code"
