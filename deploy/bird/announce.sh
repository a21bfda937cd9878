#!/bin/sh
# Keeps the anycast address on lo while the name server is ready: announce.sh ADDRESS/32 [READY-URL]
# Withdraws after three bad looks in a row (3 s), announces after five good ones. Ends with the address withdrawn.
set -eu
address=${1:?usage: announce.sh ADDRESS/32 [READY-URL]}
url=${2:-http://127.0.0.1:5380/readyz}
good=0 bad=0
withdraw() { ip address del "$address" dev lo 2>/dev/null || true; }
trap 'withdraw; exit 0' INT TERM
while :; do
  if curl --silent --fail --max-time 1 --output /dev/null "$url"; then
    good=$((good + 1)) bad=0
    [ "$good" -ne 5 ] || ip address add "$address" dev lo 2>/dev/null || true
  else
    bad=$((bad + 1)) good=0
    [ "$bad" -ne 3 ] || withdraw
  fi
  sleep 1
done
